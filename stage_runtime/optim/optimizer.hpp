// What turns a stage's gradients into new weights. One object over the flat buffers of a stage; it
// knows the parameters by name and shape (Layout), so that a method may treat matrices otherwise.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "stage_runtime/arena.hpp"
#include "stage_runtime/device.hpp"
#include "stage_runtime/layout.hpp"
#include "stage_runtime/method/method.hpp"

namespace brigade::stage {

class Optimizer {
 public:
  /// All three outlive it.
  static std::unique_ptr<Optimizer> make(const MethodSettings& settings, OptimizerKind kind,
                                         const Layout& layout, Arena& arena, Device& device);
  virtual ~Optimizer() = default;

  /// Writes weights, moments and the device's shadow; sets the gradients to zero.
  virtual Result<> step(const StepSettings& settings, OptimizerCounters& counters) = 0;

  /// Moves the weights to where the next training forward is to read them, and back. Most methods
  /// read them where they are.
  virtual Result<> look_ahead(const OptimizerCounters&) { return {}; }
  virtual Result<> look_back(const OptimizerCounters&) { return {}; }

  /// The step that momentum alone would take from here, at every `stride`-th element of the flat
  /// buffer and up to one positive factor: what the look-ahead counts on. Needs a step before it.
  virtual at::Tensor momentum_direction(const OptimizerCounters& counters,
                                        std::int64_t stride) const = 0;

 protected:
  /// −m/den of Adam's moments, elementwise.
  static at::Tensor along_moments(const at::Tensor& first, const at::Tensor& second,
                                  const OptimizerCounters& counters,
                                  const MethodSettings& settings);
};

}  // namespace brigade::stage

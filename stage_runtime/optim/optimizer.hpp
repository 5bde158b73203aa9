// What turns a stage's gradients into new weights. One object over the flat buffers of a stage; it
// knows the parameters by name and shape (Layout), so that a method may treat matrices otherwise.
#pragma once

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
};

}  // namespace brigade::stage

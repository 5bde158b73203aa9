// Where a stage computes. The CPU is always there; CUDA is loaded at run time (libtorch_cuda and
// libbrigade_cuda beside it), so that one binary serves machines with and without a GPU.
//
// On CUDA the modules run in bf16 on a shadow of the fp32 master weights, one copy that the
// optimiser's pass writes (no autocast, which would keep a bf16 copy of each weight for every
// micro-batch in flight). On the CPU everything is fp32 and there is no shadow.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "base/result.hpp"
#include "stage_runtime/optim/adam.hpp"
#include "stage_runtime/optim/muon.hpp"

namespace brigade::stage {

/// Passes over flat buffers of one size. `shadow` is undefined where the device has none.
class Device {
 public:
  /// "auto" (a GPU if one works, else the CPU), "cpu" or "cuda:N". kBadInput for another word,
  /// kUnsupported, in one line, where cuda:N can't be had.
  static Result<std::unique_ptr<Device>> open(const std::string& name, std::uint32_t threads);
  virtual ~Device() = default;

  virtual at::Device torch_device() const = 0;
  virtual at::ScalarType compute_type() const = 0;
  virtual std::string description() const = 0;

  virtual Result<double> sum_of_squares(const at::Tensor& gradients) = 0;
  virtual Result<> adam(const at::Tensor& weights, const at::Tensor& gradients,
                        const at::Tensor& first, const at::Tensor& second, const at::Tensor& shadow,
                        const AdamStep& step) = 0;
  /// Writes the shadow from the weights.
  virtual Result<> refresh_shadow(const at::Tensor& weights, const at::Tensor& shadow) = 0;

  /// The passes of optim/muon.hpp over parts of the buffers. Here by torch's operations, which run
  /// anywhere; they leave the shadow alone. `look` may be undefined.
  virtual Result<> momentum(const at::Tensor& first, const at::Tensor& gradients,
                            const at::Tensor& look, const MomentumStep& step);
  virtual Result<> nesterov_adam(const at::Tensor& weights, const at::Tensor& gradients,
                                 const at::Tensor& first, const at::Tensor& second,
                                 const NesterovAdamStep& step);
  virtual Result<> direction(const at::Tensor& weights, const at::Tensor& direction, float decay,
                             float distance);
  virtual Result<> moment_shift(const at::Tensor& weights, const at::Tensor& first,
                                const at::Tensor& second, const MomentShift& shift);
};

/// The CPU, whose passes are plain C++.
std::unique_ptr<Device> make_cpu_device();
/// cuda_device.cpp: the GPU `index`, or why it can't be had.
Result<std::unique_ptr<Device>> open_cuda_device(int index);
/// Is there a driver at all? Looks for libcuda.so.1 without loading torch's backend.
bool has_cuda_driver();

}  // namespace brigade::stage

#include "stage_runtime/device.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <thread>

namespace brigade::stage {
namespace {

class CpuDevice final : public Device {
 public:
  at::Device torch_device() const override { return at::kCPU; }
  at::ScalarType compute_type() const override { return at::kFloat; }
  std::string description() const override { return "cpu"; }

  // One thread: the passes are bound by memory, and a stage has one compute thread by default.
  Result<double> sum_of_squares(const at::Tensor& gradients) override {
    return stage::sum_of_squares(data(gradients), count(gradients));
  }

  Result<> adam(const at::Tensor& weights, const at::Tensor& gradients, const at::Tensor& first,
                const at::Tensor& second, const at::Tensor&, const AdamStep& step) override {
    adam_pass(data(weights), data(gradients), data(first), data(second), count(weights), step);
    return {};
  }

  Result<> refresh_shadow(const at::Tensor&, const at::Tensor&) override { return {}; }

  Result<> momentum(const at::Tensor& first, const at::Tensor& gradients, const at::Tensor& look,
                    const MomentumStep& step) override {
    momentum_pass(data(first), data(gradients), look.defined() ? data(look) : nullptr, count(first),
                  step);
    return {};
  }
  Result<> nesterov_adam(const at::Tensor& weights, const at::Tensor& gradients,
                         const at::Tensor& first, const at::Tensor& second,
                         const NesterovAdamStep& step) override {
    nesterov_adam_pass(data(weights), data(gradients), data(first), data(second), count(weights),
                       step);
    return {};
  }
  Result<> direction(const at::Tensor& weights, const at::Tensor& direction, float decay,
                     float distance) override {
    direction_pass(data(weights), data(direction), count(weights), decay, distance);
    return {};
  }
  Result<> moment_shift(const at::Tensor& weights, const at::Tensor& first,
                        const at::Tensor& second, const MomentShift& shift) override {
    moment_shift_pass(data(weights), data(first), data(second), count(weights), shift);
    return {};
  }

 private:
  static float* data(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }
  static std::size_t count(const at::Tensor& tensor) {
    return static_cast<std::size_t>(tensor.numel());
  }
};

Error unknown_device(const std::string& name) {
  return make_error(ErrorCode::kBadInput,
                    fmt::format("device \"{}\" is not known; use auto, cpu or cuda:N", name));
}

Result<int> cuda_index(const std::string& name) {
  constexpr std::string_view kPrefix = "cuda:";
  if (!name.starts_with(kPrefix)) return unknown_device(name);
  int index = 0;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, index);
  if (error != std::errc() || stop != end || index < 0 || index > 127) return unknown_device(name);
  return index;
}

/// Threads of libtorch's parallel loops, for the whole process. One thread means that no OpenMP
/// team is ever started; with more, whoever starts the process sets GOMP_SPINCOUNT=0 if it shares
/// its cores (waiting threads that spin slow their neighbours down; libgomp reads it when loaded).
void set_threads(std::uint32_t threads) {
  const std::uint32_t all = std::max(1U, std::thread::hardware_concurrency());
  at::set_num_threads(static_cast<int>(threads == 0 ? all : std::min(threads, all)));
}

}  // namespace

std::unique_ptr<Device> make_cpu_device() {
  return std::make_unique<CpuDevice>();
}

Result<> Device::momentum(const at::Tensor& first, const at::Tensor& gradients,
                          const at::Tensor& look, const MomentumStep& step) {
  const at::Tensor fresh = gradients * (step.one_minus_beta * step.gradient_scale);
  first.mul_(step.beta).add_(fresh);
  if (look.defined()) look.copy_(first * step.beta + fresh);
  gradients.zero_();
  return {};
}

Result<> Device::nesterov_adam(const at::Tensor& weights, const at::Tensor& gradients,
                               const at::Tensor& first, const at::Tensor& second,
                               const NesterovAdamStep& step) {
  const at::Tensor gradient = gradients * step.momentum.gradient_scale;
  second.mul_(step.beta2).addcmul_(gradient, gradient, step.one_minus_beta2);
  const at::Tensor fresh = gradient * step.momentum.one_minus_beta;
  first.mul_(step.momentum.beta).add_(fresh);
  const at::Tensor denominator = second.sqrt() * step.inverse_sqrt_bias2 + step.epsilon;
  weights.mul_(step.decay).addcdiv_(first * step.momentum.beta + fresh, denominator, -step.rate);
  gradients.zero_();
  return {};
}

Result<> Device::direction(const at::Tensor& weights, const at::Tensor& direction, float decay,
                           float distance) {
  weights.mul_(decay).sub_(direction, distance);
  return {};
}

Result<> Device::moment_shift(const at::Tensor& weights, const at::Tensor& first,
                              const at::Tensor& second, const MomentShift& shift) {
  const at::Tensor denominator = second.sqrt() * shift.inverse_sqrt_bias2 + shift.epsilon;
  weights.addcdiv_(first, denominator, -shift.distance);
  return {};
}

Result<std::unique_ptr<Device>> Device::open(const std::string& name, std::uint32_t threads) {
  set_threads(threads);
  if (name == "cpu") return make_cpu_device();
  if (name == "auto") {
    if (has_cuda_driver()) {
      auto cuda = open_cuda_device(0);
      if (cuda.has_value()) return cuda;
    }
    return make_cpu_device();
  }
  BRIGADE_ASSIGN(const int index, cuda_index(name));
  return open_cuda_device(index);
}

}  // namespace brigade::stage

#include "stage_runtime/device.hpp"

#include <ATen/Parallel.h>
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
    return stage::sum_of_squares(gradients.const_data_ptr<float>(),
                                 static_cast<std::size_t>(gradients.numel()));
  }

  Result<> adam(const at::Tensor& weights, const at::Tensor& gradients, const at::Tensor& first,
                const at::Tensor& second, const at::Tensor&, const AdamStep& step) override {
    adam_pass(weights.mutable_data_ptr<float>(), gradients.mutable_data_ptr<float>(),
              first.mutable_data_ptr<float>(), second.mutable_data_ptr<float>(),
              static_cast<std::size_t>(weights.numel()), step);
    return {};
  }

  Result<> refresh_shadow(const at::Tensor&, const at::Tensor&) override { return {}; }
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

Result<std::unique_ptr<Device>> Device::open(const std::string& name, std::uint32_t threads) {
  set_threads(threads);
  if (name == "cpu") return std::make_unique<CpuDevice>();
  if (name == "auto") {
    if (has_cuda_driver()) {
      auto cuda = open_cuda_device(0);
      if (cuda.has_value()) return cuda;
    }
    return std::make_unique<CpuDevice>();
  }
  BRIGADE_ASSIGN(const int index, cuda_index(name));
  return open_cuda_device(index);
}

}  // namespace brigade::stage

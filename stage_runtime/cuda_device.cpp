#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "stage_runtime/cuda/kernels.h"
#include "stage_runtime/device.hpp"

namespace brigade::stage {
namespace {

Error unsupported(int index, std::string_view why) {
  return make_error(
      ErrorCode::kUnsupported,
      fmt::format("device cuda:{} can't be used: {}; use --device cpu or auto", index, why));
}

/// The folder of the shared object that holds `symbol`.
std::filesystem::path folder_of(const void* symbol) {
  Dl_info info{};
  if (dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

void* open_library(const std::filesystem::path& file, int flags) {
  return dlopen(file.c_str(), flags | RTLD_NOW);
}

std::string last_load_error() {
  const char* text = dlerror();
  return text != nullptr ? text : "unknown reason";
}

template <class Function>
bool load_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

/// What is asked of the driver itself, before torch's large backend is loaded.
struct Driver {
  int (*init)(unsigned) = nullptr;
  int (*device_count)(int*) = nullptr;
  int (*device_name)(char*, int, int) = nullptr;
};

Result<std::string> probe_driver(int index) {
  void* library = open_library("libcuda.so.1", RTLD_LAZY);
  if (library == nullptr) return unsupported(index, "no NVIDIA driver (libcuda.so.1)");
  Driver driver;
  if (!load_symbol(library, "cuInit", driver.init) ||
      !load_symbol(library, "cuDeviceGetCount", driver.device_count) ||
      !load_symbol(library, "cuDeviceGetName", driver.device_name)) {
    return unsupported(index, "the driver's library lacks cuInit");
  }
  int count = 0;
  if (driver.init(0) != 0 || driver.device_count(&count) != 0) {
    return unsupported(index, "the driver does not start");
  }
  if (index >= count) return unsupported(index, fmt::format("there are {} GPUs", count));
  std::array<char, 256> name{};
  if (driver.device_name(name.data(), static_cast<int>(name.size()), index) != 0) {
    return unsupported(index, "the driver does not name it");
  }
  return std::string(name.data());
}

struct Kernels {
  decltype(&brigade_cuda_interface) interface = nullptr;
  decltype(&brigade_cuda_error) error = nullptr;
  decltype(&brigade_cuda_adam) adam = nullptr;
  decltype(&brigade_cuda_to_bf16) to_bf16 = nullptr;
  decltype(&brigade_cuda_sum_of_squares) sum_of_squares = nullptr;
};

/// Beside the program or in ../lib of it: build tree and installed tree alike.
Result<Kernels> load_kernels(int index) {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  void* library = nullptr;
  for (const char* place :
       {"../lib/libbrigade_cuda.so", "../lib/brigade/libbrigade_cuda.so", "libbrigade_cuda.so"}) {
    library = open_library(program / place, RTLD_LOCAL);
    if (library != nullptr) break;
  }
  if (library == nullptr) {
    return unsupported(index, fmt::format("the kernels do not load ({})", last_load_error()));
  }
  Kernels kernels;
  const bool is_complete =
      load_symbol(library, "brigade_cuda_interface", kernels.interface) &&
      load_symbol(library, "brigade_cuda_error", kernels.error) &&
      load_symbol(library, "brigade_cuda_adam", kernels.adam) &&
      load_symbol(library, "brigade_cuda_to_bf16", kernels.to_bf16) &&
      load_symbol(library, "brigade_cuda_sum_of_squares", kernels.sum_of_squares);
  if (!is_complete || kernels.interface() != BRIGADE_CUDA_INTERFACE) {
    return unsupported(index, "libbrigade_cuda.so is of another version; build both together");
  }
  return kernels;
}

/// All work goes to the default stream, torch's and ours, so their order is the program's.
constexpr void* kDefaultStream = nullptr;

class CudaDevice final : public Device {
 public:
  CudaDevice(int index, std::string name, const Kernels& kernels)
      : index_(index), name_(std::move(name)), kernels_(kernels) {
    scratch_ = at::empty({BRIGADE_CUDA_SCRATCH},
                         at::TensorOptions().device(torch_device()).dtype(at::kDouble));
  }

  at::Device torch_device() const override {
    return {at::kCUDA, static_cast<at::DeviceIndex>(index_)};
  }
  at::ScalarType compute_type() const override { return at::kBFloat16; }
  std::string description() const override { return fmt::format("cuda:{} ({})", index_, name_); }

  Result<double> sum_of_squares(const at::Tensor& gradients) override {
    double sum = 0;
    BRIGADE_TRY(checked(kernels_.sum_of_squares(gradients.const_data_ptr<float>(), count(gradients),
                                                scratch_.mutable_data_ptr<double>(), &sum,
                                                kDefaultStream)));
    return sum;
  }

  Result<> adam(const at::Tensor& weights, const at::Tensor& gradients, const at::Tensor& first,
                const at::Tensor& second, const at::Tensor& shadow, const AdamStep& step) override {
    const brigade_adam_step scalars{
        .gradient_scale = step.gradient_scale,
        .decay = step.decay,
        .beta1 = step.beta1,
        .beta2 = step.beta2,
        .one_minus_beta1 = step.one_minus_beta1,
        .one_minus_beta2 = step.one_minus_beta2,
        .inverse_sqrt_bias2 = step.inverse_sqrt_bias2,
        .epsilon = step.epsilon,
        .gradient_step = step.gradient_step,
        .momentum_step = step.momentum_step,
    };
    return checked(kernels_.adam(weights.mutable_data_ptr<float>(),
                                 gradients.mutable_data_ptr<float>(),
                                 first.mutable_data_ptr<float>(), second.mutable_data_ptr<float>(),
                                 shadow_bits(shadow), count(weights), &scalars, kDefaultStream));
  }

  Result<> refresh_shadow(const at::Tensor& weights, const at::Tensor& shadow) override {
    return checked(kernels_.to_bf16(weights.const_data_ptr<float>(), shadow_bits(shadow),
                                    count(weights), kDefaultStream));
  }

 private:
  static std::size_t count(const at::Tensor& tensor) {
    return static_cast<std::size_t>(tensor.numel());
  }
  static std::uint16_t* shadow_bits(const at::Tensor& shadow) {
    return static_cast<std::uint16_t*>(shadow.mutable_data_ptr());
  }
  Result<> checked(int code) const {
    if (code == 0) return {};
    return make_error(ErrorCode::kUnavailable, fmt::format("{}: {}; see the driver's log",
                                                           description(), kernels_.error(code)));
  }

  int index_;
  std::string name_;
  Kernels kernels_;
  at::Tensor scratch_;  // doubles of sum_of_squares
};

}  // namespace

bool has_cuda_driver() {
  return open_library("libcuda.so.1", RTLD_LAZY) != nullptr;
}

Result<std::unique_ptr<Device>> open_cuda_device(int index) {
  BRIGADE_ASSIGN(std::string name, probe_driver(index));
  // Loading it registers the CUDA backend with the dispatcher of libtorch_cpu, whose folder it is
  // in.
  const auto* in_torch_cpu = reinterpret_cast<const void*>(&at::_ops::empty_memory_format::call);
  const auto file = folder_of(in_torch_cpu) / "libtorch_cuda.so";
  if (open_library(file, RTLD_GLOBAL) == nullptr) {
    return unsupported(index,
                       fmt::format("libtorch's backend does not load ({})", last_load_error()));
  }
  BRIGADE_ASSIGN(const Kernels kernels, load_kernels(index));
  try {
    return std::make_unique<CudaDevice>(index, std::move(name), kernels);
  } catch (const std::exception& error) {
    return unsupported(index, error.what());
  }
}

}  // namespace brigade::stage

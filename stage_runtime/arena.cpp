#include "stage_runtime/arena.hpp"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cstring>

#include "base/check.hpp"

namespace brigade::stage {

Arena Arena::make(const Layout& layout, const Device& device) {
  const auto options = at::TensorOptions().device(device.torch_device()).dtype(at::kFloat);
  const auto size = static_cast<std::int64_t>(layout.buffer_size());
  Arena arena;
  arena.weights = at::zeros({size}, options);
  arena.gradients = at::zeros({size}, options);
  for (at::Tensor& moment : arena.moments) moment = at::zeros({size}, options);
  if (device.compute_type() != at::kFloat) {
    arena.shadow = at::zeros({size}, options.dtype(device.compute_type()));
  }
  return arena;
}

void upload(std::span<const float> from, const at::Tensor& to) {
  BRIGADE_CHECK(static_cast<std::int64_t>(from.size()) == to.numel());
  if (to.is_cpu()) {
    std::memcpy(to.mutable_data_ptr<float>(), from.data(), from.size_bytes());
    return;
  }
  const at::Tensor source = at::from_blob(const_cast<float*>(from.data()), to.sizes(), at::kFloat);
  to.copy_(source);
}

void download(const at::Tensor& from, std::span<float> to) {
  BRIGADE_CHECK(static_cast<std::int64_t>(to.size()) == from.numel());
  if (from.is_cpu()) {
    std::memcpy(to.data(), from.const_data_ptr<float>(), to.size_bytes());
    return;
  }
  at::from_blob(to.data(), from.sizes(), at::kFloat).copy_(from);
}

}  // namespace brigade::stage

#include "stage_runtime/arena.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "stage_runtime/averaging.hpp"

namespace brigade::stage {
namespace {

/// Where blocks of a flat buffer are that is not in host memory: those in full, as rows, and what
/// is left of the buffer's end.
struct BlockRows {
  BlockRows(const at::Tensor& buffer, std::span<const std::uint32_t> blocks) {
    const std::int64_t full = buffer.numel() / kShareWidth;
    rows = buffer.narrow(0, 0, full * kShareWidth).view({full, kShareWidth});
    end = buffer.narrow(0, full * kShareWidth, buffer.numel() - full * kShareWidth);
    const bool has_end = !blocks.empty() && blocks.back() == full;
    count = static_cast<std::int64_t>(blocks.size()) - (has_end ? 1 : 0);
    if (!has_end) end = end.narrow(0, 0, 0);
    index = at::empty({count}, at::kLong);
    std::copy_n(blocks.begin(), count, index.mutable_data_ptr<std::int64_t>());
    index = index.to(buffer.device());
  }
  at::Tensor rows;   // (full blocks, kShareWidth)
  at::Tensor index;  // (count) of rows
  at::Tensor end;    // empty if it is not named
  std::int64_t count = 0;
};

}  // namespace

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

void upload_blocks(std::span<const float> from, std::span<const std::uint32_t> blocks,
                   const at::Tensor& to) {
  if (to.is_cpu()) {
    copy_blocks_to({to.mutable_data_ptr<float>(), static_cast<std::size_t>(to.numel())}, blocks,
                   from);
    return;
  }
  const BlockRows named(to, blocks);
  auto* const values = const_cast<float*>(from.data());
  named.rows.index_copy_(
      0, named.index,
      at::from_blob(values, {named.count, kShareWidth}, at::kFloat).to(to.device()));
  named.end.copy_(at::from_blob(values + named.count * kShareWidth, named.end.sizes(), at::kFloat));
}

void download_blocks(const at::Tensor& from, std::span<const std::uint32_t> blocks,
                     std::span<float> to) {
  if (from.is_cpu()) {
    copy_blocks_from({from.const_data_ptr<float>(), static_cast<std::size_t>(from.numel())}, blocks,
                     to);
    return;
  }
  const BlockRows named(from, blocks);
  std::fill(to.begin(), to.end(), 0.0F);
  at::from_blob(to.data(), {named.count, kShareWidth}, at::kFloat)
      .copy_(named.rows.index_select(0, named.index));
  at::from_blob(to.data() + named.count * kShareWidth, named.end.sizes(), at::kFloat)
      .copy_(named.end);
}

void clear_gaps(const Layout& layout, const at::Tensor& buffer) {
  const auto clear = [&](std::size_t from, std::size_t to) {
    if (from == to) return;
    buffer.narrow(0, static_cast<std::int64_t>(from), static_cast<std::int64_t>(to - from)).zero_();
  };
  std::size_t end = 0;
  for (const Parameter& parameter : layout.parameters()) {
    clear(end, parameter.offset);
    end = parameter.offset + parameter.size;
  }
  clear(end, layout.buffer_size());
}

}  // namespace brigade::stage

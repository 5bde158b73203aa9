#include "stage_runtime/slice_model.hpp"

#include <set>

namespace brigade::stage {
namespace {

class StorageCount {
 public:
  void add(const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    const at::Storage& storage = tensor.storage();
    if (seen_.insert(storage.unsafeGetStorageImpl()).second) bytes_ += storage.nbytes();
  }
  void add(const NormSaved& norm) {
    add(norm.input);
    add(norm.mean);
    add(norm.rstd);
  }
  void add(const BlockSaved& block) {
    add(block.attention_norm);
    add(block.mlp_norm);
    add(block.normed);
    add(block.attention.qkv);
    add(block.attention.out);
    add(block.attention.logsumexp);
    add(block.mlp_normed);
    add(block.up);
    add(block.slope);
    add(block.active);
  }
  void add(const TailSaved& tail) {
    add(tail.norm);
    add(tail.normed);
    add(tail.log_probabilities);
    add(tail.targets);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::set<const c10::StorageImpl*> seen_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::uint64_t SliceSaved::bytes() const {
  StorageCount count;
  count.add(indices);
  for (const BlockSaved& block : blocks) count.add(block);
  if (tail.has_value()) count.add(*tail);
  return count.bytes();
}

SliceOutput slice_forward(const ModelTensors& weights, const Slice& slice, const BatchShape& shape,
                          const SliceInput& input, SliceSaved* saved) {
  at::Tensor hidden = slice.is_head() ? embed(weights, shape, input.indices) : input.hidden;
  if (saved != nullptr) {
    if (slice.is_head()) saved->indices = input.indices;
    saved->blocks.resize(weights.blocks.size());
  }
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    BlockSaved* block_saved = saved != nullptr ? &saved->blocks[i] : nullptr;
    hidden = block_forward(weights.blocks[i], shape, hidden, block_saved);
  }
  if (!slice.is_tail()) return {.hidden = std::move(hidden), .nats = 0};
  TailSaved* tail_saved = saved != nullptr ? &saved->tail.emplace() : nullptr;
  return {.hidden = {}, .nats = tail_loss(weights, shape, hidden, input.targets, tail_saved)};
}

at::Tensor slice_backward(const ModelTensors& weights, const ModelTensors& gradients,
                          const Slice& slice, const BatchShape& shape, SliceSaved saved,
                          at::Tensor output_gradient) {
  at::Tensor gradient = std::move(output_gradient);
  if (slice.is_tail()) {
    gradient = tail_backward(weights, gradients, shape, std::move(*saved.tail));
  }
  for (std::size_t i = weights.blocks.size(); i-- > 0;) {
    gradient = block_backward(weights.blocks[i], gradients.blocks[i], shape,
                              std::move(saved.blocks[i]), std::move(gradient));
  }
  if (!slice.is_head()) return gradient;
  embed_backward(gradients, shape, saved.indices, gradient);
  return {};
}

}  // namespace brigade::stage

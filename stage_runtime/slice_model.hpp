// Forward and backward of a whole slice: embedding, blocks, tail, as far as the slice has them.
// Free of state: which weights are read and where gradients go is said by the caller.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "stage_runtime/modules.hpp"

namespace brigade::stage {

/// What a slice is given. Head: `indices`; else `hidden`. Tail: `targets` too.
struct SliceInput {
  at::Tensor hidden;   // (N, D)
  at::Tensor indices;  // (N) int64
  at::Tensor targets;  // (N) int64
};

/// What a backward needs of its forward.
struct SliceSaved {
  at::Tensor indices;  // head
  std::vector<BlockSaved> blocks;
  std::optional<TailSaved> tail;
  /// Bytes of all tensors, each storage counted once.
  std::uint64_t bytes() const;
};

struct SliceOutput {
  at::Tensor hidden;  // (N, D); undefined at the tail
  double nats = 0;    // tail: loss summed over N
};

SliceOutput slice_forward(const ModelTensors& weights, const Slice& slice, const BatchShape& shape,
                          const SliceInput& input, SliceSaved* saved);

/// `output_gradient` (N, D) is overwritten; undefined at the tail. Returns the input's gradient,
/// undefined at the head.
at::Tensor slice_backward(const ModelTensors& weights, const ModelTensors& gradients,
                          const Slice& slice, const BatchShape& shape, SliceSaved saved,
                          at::Tensor output_gradient);

}  // namespace brigade::stage

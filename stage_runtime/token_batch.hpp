// Token ids of a micro-batch as tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "stage_runtime/modules.hpp"

namespace brigade::stage {

struct TokenBatch {
  BatchShape shape;
  at::Tensor indices;  // (N) int64: tokens[..., :T]
  at::Tensor targets;  // (N) int64: tokens[..., 1:]
};

/// `tokens` are B rows of T+1 ids; B follows from their number. kProtocol if they are no whole rows
/// or an id is outside the vocabulary.
Result<TokenBatch> make_token_batch(const ModelShape& model, std::span<const std::int32_t> tokens,
                                    std::uint32_t tokens_per_row, at::Device device);

}  // namespace brigade::stage

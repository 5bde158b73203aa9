#include "stage_runtime/token_batch.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/limits.hpp"
#include "stage_runtime/codec.hpp"

namespace brigade::stage {

Result<TokenBatch> make_token_batch(const ModelShape& model, std::span<const std::int32_t> tokens,
                                    std::uint32_t tokens_per_row, at::Device device) {
  const std::size_t row = std::size_t{tokens_per_row} + 1;
  const std::size_t batch = tokens.size() / row;
  if (batch == 0 || batch > limits::kMaxBatch || batch * row != tokens.size()) {
    return make_error(ErrorCode::kProtocol, fmt::format("{} token ids are not 1 to {} rows of {}",
                                                        tokens.size(), limits::kMaxBatch, row));
  }
  BRIGADE_TRY(check_tokens(tokens, model.vocabulary));

  TokenBatch result;
  result.shape = {.batch = static_cast<std::int64_t>(batch),
                  .tokens = tokens_per_row,
                  .width = model.width,
                  .heads = model.heads,
                  .epsilon = model.layer_norm_epsilon};
  at::Tensor indices = at::empty({result.shape.rows()}, at::kLong);
  at::Tensor targets = at::empty({result.shape.rows()}, at::kLong);
  auto* index = indices.mutable_data_ptr<std::int64_t>();
  auto* target = targets.mutable_data_ptr<std::int64_t>();
  for (std::size_t b = 0; b < batch; ++b) {
    for (std::size_t t = 0; t < tokens_per_row; ++t) {
      *index++ = tokens[b * row + t];
      *target++ = tokens[b * row + t + 1];
    }
  }
  result.indices = indices.to(device);
  result.targets = targets.to(device);
  return result;
}

}  // namespace brigade::stage

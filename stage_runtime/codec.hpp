// Tensors as they travel between stages: contiguous little-endian fp32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

/// Copies `bytes` into `out`. kProtocol if the sizes differ or a value is not finite; `what` names
/// the tensor in the message.
Result<> decode_fp32(std::span<const std::byte> bytes, std::span<float> out, const char* what);

Bytes encode_fp32(std::span<const float> values);

/// kProtocol if a token is outside the vocabulary.
Result<> check_tokens(std::span<const std::int32_t> tokens, std::uint32_t vocabulary);

}  // namespace brigade::stage

#include "daemon/transcode.hpp"

#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace brigade::daemon {

Result<PayloadData> to_fp32(const PayloadData& payload) {
  PayloadShape shape = payload.shape;
  shape.codec = Codec::kFp32;
  PayloadBuffer buffer(shape.total_bytes());
  if (!buffer.is_valid())
    return make_error(ErrorCode::kLimit,
                      fmt::format("no memory for a payload of {} bytes", shape.total_bytes()));
  const std::uint64_t tensor_bytes = shape.tensor_bytes();
  // The buffer is aligned for tensors.
  const std::span<float> numbers(reinterpret_cast<float*>(buffer.bytes().data()),
                                 tensor_bytes / sizeof(float));
  BRIGADE_TRY(stage::decode(payload.shape.codec, payload.tensor(), numbers, "a payload of ours"));
  const auto tokens = payload.token_bytes();
  std::memcpy(buffer.bytes().data() + tensor_bytes, tokens.data(), tokens.size());
  const std::uint64_t checksum = payload_checksum(buffer.bytes());
  return PayloadData{shape, std::move(buffer).into_slice(), checksum};
}

}  // namespace brigade::daemon

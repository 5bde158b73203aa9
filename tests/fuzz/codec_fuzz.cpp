// Any bytes as a tensor in any codec: refused, or finite numbers that the codec can say again
// within its error. The first byte picks the codec; how many numbers there are follows from the
// length.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "stage_runtime/codec.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace brigade;
using stage::Codec;

/// The most numbers whose encoding is no longer than `bytes`; the rest of the input is too much.
std::size_t count_for(Codec codec, std::size_t bytes) {
  std::size_t count = bytes;
  while (count > 0 && stage::encoded_bytes(codec, count) > bytes) --count;
  return count;
}

void check_again(Codec codec, const std::vector<float>& values) {
  std::vector<std::byte> bytes(stage::encoded_bytes(codec, values.size()));
  const auto said = stage::encode(codec, values, stage::Rounding::to_nearest(), bytes, "tensor");
  if (said.has_error()) {
    // 127 times the largest scale may round to just above the largest number.
    constexpr float kNearlyTooLarge = 0x1p120F;
    FUZZ_DEMAND(codec == Codec::kInt8 && std::ranges::any_of(values, [](float value) {
                  return std::abs(value) > kNearlyTooLarge;
                }));
    return;
  }
  std::vector<float> again(values.size());
  FUZZ_DEMAND(stage::decode(codec, bytes, again, "tensor").has_value());
  for (std::size_t first = 0; first < values.size(); first += stage::kInt8Block) {
    const std::size_t end = std::min<std::size_t>(first + stage::kInt8Block, values.size());
    float largest = 0;
    for (std::size_t i = first; i < end; ++i) largest = std::max(largest, std::abs(values[i]));
    const float bound = codec == Codec::kInt8 ? std::max(0.5001F / 127 * largest, 0x1p-100F) : 0;
    for (std::size_t i = first; i < end; ++i) FUZZ_DEMAND(std::abs(again[i] - values[i]) <= bound);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Codec codec = stage::kCodecs[data[0] % stage::kCodecs.size()];
  const std::span bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  std::vector<float> values(count_for(codec, bytes.size()));
  const auto decoded = stage::decode(codec, bytes, values, "tensor");
  if (decoded.has_error()) {
    FUZZ_DEMAND(decoded.error().code == ErrorCode::kProtocol);
    fuzz::demand_readable(decoded.error());
    return 0;
  }
  FUZZ_DEMAND(bytes.size() == stage::encoded_bytes(codec, values.size()));
  for (const float value : values) FUZZ_DEMAND(std::isfinite(value));
  check_again(codec, values);
  return 0;
}

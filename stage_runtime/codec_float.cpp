// fp32 and bf16: numbers that keep their exponent.
#include "stage_runtime/codec_loops.hpp"
#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage::loops {

BRIGADE_VECTOR_CLONES
std::int32_t encode_fp32(const float* __restrict values, std::size_t count,
                         std::byte* __restrict out) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = larger(largest, magnitude(values[i]));
    std::memcpy(out + i * sizeof(float), &values[i], sizeof(float));
  }
  return largest;
}

BRIGADE_VECTOR_CLONES
std::int32_t decode_fp32(const std::byte* __restrict bytes, std::size_t count,
                         float* __restrict out) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = load<float>(bytes + i * sizeof(float));
    largest = larger(largest, magnitude(out[i]));
  }
  return largest;
}

/// The upper half of an fp32, rounded: adding just below half of the last place that stays carries
/// where it must, and the one bit more makes a tie go to the even neighbour.
BRIGADE_VECTOR_CLONES
std::int32_t encode_bf16(const float* __restrict values, std::size_t count,
                         std::byte* __restrict out) {
  constexpr std::uint32_t kJustBelowHalf = 0x7fff;
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    largest = larger(largest, magnitude(values[i]));
    const auto half =
        static_cast<std::uint16_t>((bits + kJustBelowHalf + ((bits >> 16) & 1)) >> 16);
    std::memcpy(out + i * sizeof half, &half, sizeof half);
  }
  return largest;
}

BRIGADE_VECTOR_CLONES
std::int32_t decode_bf16(const std::byte* __restrict bytes, std::size_t count,
                         float* __restrict out) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t half = load<std::uint16_t>(bytes + i * sizeof(std::uint16_t));
    out[i] = std::bit_cast<float>(half << 16);
    largest = larger(largest, magnitude(out[i]));
  }
  return largest;
}

}  // namespace brigade::stage::loops

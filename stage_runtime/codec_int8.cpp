// int8: blocks of 64 that share a scale.
#include <algorithm>

#include "base/ids.hpp"
#include "stage_runtime/codec.hpp"
#include "stage_runtime/codec_loops.hpp"
#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage::loops {
namespace {

constexpr float kCodes = 127;
constexpr float kSmallestInt8 = 0x1p-100F;
// The scales that encode writes, beside zero.
constexpr auto kSmallestScale = std::bit_cast<std::uint32_t>(kSmallestInt8 / kCodes);
constexpr auto kLargestScale = std::bit_cast<std::uint32_t>(kLargestInt8 / kCodes);
// 1.5·2²³ added to a number below 2²² leaves it rounded to nearest in the low bits of the sum, in
// two's complement, so that the code is its lowest byte.
constexpr float kRounder = 0x1.8p23F;

struct Scale {
  float value = 0;    // a/127
  float inverse = 0;  // 127/a
};

inline Scale scale_of(std::int32_t largest) {
  const auto a = std::bit_cast<float>(largest);
  if (a < kSmallestInt8) return {};
  return {a / kCodes, kCodes / a};
}

/// A pure function of its arguments, uniform over 32 bits: MurmurHash3's finaliser, with the halves
/// of the seed entering at two places so that two seeds are no shift of each other.
inline std::uint32_t noise_bits(std::uint32_t index, std::uint32_t low, std::uint32_t high) {
  std::uint32_t h = index ^ low;
  h ^= h >> 16;
  h *= 0x85eb'ca6b;
  h ^= (h >> 13) ^ high;
  h *= 0xc2b2'ae35;
  return h ^ (h >> 16);
}

/// In (−½, ½), 16 bits around a mean of zero. What is rounded to nearest after this was added is
/// rounded up with the probability of its fraction.
inline float noise(std::uint32_t index, std::uint32_t low, std::uint32_t high) {
  const auto bits = static_cast<std::int32_t>(noise_bits(index, low, high) >> 16);
  return (static_cast<float>(bits) - 32767.5F) * 0x1p-16F;
}

inline std::int32_t largest_of(const float* values, std::size_t count) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = larger(largest, magnitude(values[i]));
  return largest;
}

inline std::uint8_t code_of(float scaled) {
  const float bounded = std::min(std::max(scaled, -kCodes), kCodes);
  return static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(bounded + kRounder));
}

inline std::int32_t encode_block(const float* __restrict values, std::size_t count,
                                 std::byte* __restrict scale_out, std::uint8_t* __restrict codes) {
  const std::int32_t largest = largest_of(values, count);
  const Scale scale = scale_of(largest);
  std::memcpy(scale_out, &scale.value, sizeof scale.value);
  for (std::size_t i = 0; i < count; ++i) codes[i] = code_of(values[i] * scale.inverse);
  return largest;
}

struct Seed {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

inline std::int32_t encode_block_with_noise(const float* __restrict values, std::size_t count,
                                            std::uint32_t first, Seed seed,
                                            std::byte* __restrict scale_out,
                                            std::uint8_t* __restrict codes) {
  const std::int32_t largest = largest_of(values, count);
  const Scale scale = scale_of(largest);
  std::memcpy(scale_out, &scale.value, sizeof scale.value);
  // Without a scale there is nothing to round: all codes are zero, noise or not.
  const float amplitude = scale.inverse > 0 ? 1.0F : 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    const float drawn = noise(first + static_cast<std::uint32_t>(i), seed.low, seed.high);
    codes[i] = code_of(values[i] * scale.inverse + amplitude * drawn);
  }
  return largest;
}

BRIGADE_VECTOR_CLONES
std::int32_t encode_to_nearest(const float* __restrict values, std::size_t count,
                               std::byte* __restrict scales, std::uint8_t* __restrict codes) {
  std::int32_t largest = 0;
  std::size_t at = 0;
  for (; at + kInt8Block <= count; at += kInt8Block, scales += sizeof(float))
    largest = larger(largest, encode_block(values + at, kInt8Block, scales, codes + at));
  if (at < count)
    largest = larger(largest, encode_block(values + at, count - at, scales, codes + at));
  return largest;
}

BRIGADE_VECTOR_CLONES
std::int32_t encode_stochastically(const float* __restrict values, std::size_t count, Seed seed,
                                   std::byte* __restrict scales, std::uint8_t* __restrict codes) {
  std::int32_t largest = 0;
  std::size_t at = 0;
  for (; at + kInt8Block <= count; at += kInt8Block, scales += sizeof(float))
    largest = larger(
        largest, encode_block_with_noise(values + at, kInt8Block, static_cast<std::uint32_t>(at),
                                         seed, scales, codes + at));
  if (at < count)
    largest = larger(
        largest, encode_block_with_noise(values + at, count - at, static_cast<std::uint32_t>(at),
                                         seed, scales, codes + at));
  return largest;
}

/// True if one of the codes is −128.
inline bool decode_block(const std::byte* __restrict codes, std::size_t count, float scale,
                         float* __restrict out) {
  std::int32_t least = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t code = static_cast<std::int8_t>(codes[i]);
    least = code < least ? code : least;
    out[i] = static_cast<float>(code) * scale;
  }
  return least < -127;
}

inline bool is_scale(float scale) {
  const auto bits = std::bit_cast<std::uint32_t>(scale);
  return bits == 0 || bits - kSmallestScale <= kLargestScale - kSmallestScale;
}

}  // namespace

std::int32_t encode_int8(const float* values, std::size_t count,
                         const std::optional<std::uint64_t>& seed, std::byte* out) {
  auto* codes = reinterpret_cast<std::uint8_t*>(out + encoded_bytes(Codec::kInt8, count) - count);
  if (!seed) return encode_to_nearest(values, count, out, codes);
  const std::uint64_t mixed = mix64(*seed);  // so that near seeds are not near any more
  const Seed halves{static_cast<std::uint32_t>(mixed), static_cast<std::uint32_t>(mixed >> 32)};
  return encode_stochastically(values, count, halves, out, codes);
}

BRIGADE_VECTOR_CLONES
Int8Fault decode_int8(const std::byte* __restrict bytes, std::size_t count, float* __restrict out) {
  const std::byte* scales = bytes;
  const std::byte* codes = bytes + encoded_bytes(Codec::kInt8, count) - count;
  bool has_bad_scale = false;
  bool has_bad_code = false;
  for (std::size_t at = 0; at < count; at += kInt8Block, scales += sizeof(float)) {
    const auto scale = load<float>(scales);
    has_bad_scale |= !is_scale(scale);
    has_bad_code |= count - at >= kInt8Block
                        ? decode_block(codes + at, kInt8Block, scale, out + at)
                        : decode_block(codes + at, count - at, scale, out + at);
  }
  if (has_bad_scale) return Int8Fault::kScale;
  return has_bad_code ? Int8Fault::kCode : Int8Fault::kNone;
}

}  // namespace brigade::stage::loops

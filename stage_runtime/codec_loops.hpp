// The loops behind codec.hpp, one file a codec. Each goes over all values without a branch, so that
// it vectorises, and returns what it met; codec.cpp judges that afterwards.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace brigade::stage::loops {

/// The exponent of infinities and NaN: magnitudes, as integers, from here on are not finite.
inline constexpr std::int32_t kNotFinite = 0x7f80'0000;

/// |value| as an integer: integers of this kind are in the order of the magnitudes, NaN above all.
inline std::int32_t magnitude(float value) {
  return std::bit_cast<std::int32_t>(value) & 0x7fff'ffff;
}

inline std::int32_t larger(std::int32_t a, std::int32_t b) {
  return a > b ? a : b;
}

/// Wire bytes as a number: they may lie anywhere.
template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Each returns the largest magnitude among the numbers.
std::int32_t encode_fp32(const float* values, std::size_t count, std::byte* out);
std::int32_t decode_fp32(const std::byte* bytes, std::size_t count, float* out);
std::int32_t encode_bf16(const float* values, std::size_t count, std::byte* out);
std::int32_t decode_bf16(const std::byte* bytes, std::size_t count, float* out);
std::int32_t encode_int8(const float* values, std::size_t count,
                         const std::optional<std::uint64_t>& seed, std::byte* out);

enum class Int8Fault : std::uint8_t { kNone, kScale, kCode };
Int8Fault decode_int8(const std::byte* bytes, std::size_t count, float* out);

/// Largest magnitude that int8 takes: its scale, and 127 times that, are far from infinite.
inline constexpr float kLargestInt8 = 0x1p120F;

}  // namespace brigade::stage::loops

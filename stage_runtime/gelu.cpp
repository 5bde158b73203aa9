#include "stage_runtime/gelu.hpp"

#include <bit>
#include <cstdint>
#include <numbers>

#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage {
namespace {

constexpr float kCubic = 0.044715F;
constexpr float kTwiceScale = 1.5957691216F;  // 2·sqrt(2/π)

/// e^x for |x| ≤ 80, clamped beyond: 2^n·e^r with n = round(x/ln 2) and |r| ≤ ½ ln 2, where the
/// Taylor polynomial of degree 7 is exact to the last bits of a float.
[[gnu::always_inline]] inline float exponential(float x) {
  constexpr float kLargest = 80.0F;
  constexpr float kRound = 12582912.0F;  // 1.5·2^23: adding it rounds to an integer
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  x = x > kLargest ? kLargest : x;
  x = x < -kLargest ? -kLargest : x;
  const float n = x * std::numbers::log2e_v<float> + kRound - kRound;
  const float r = x - n * kLn2High - n * kLn2Low;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const std::int32_t exponent = (static_cast<std::int32_t>(n) + 127) << 23;
  return p * std::bit_cast<float>(exponent);
}

/// σ(2z)
[[gnu::always_inline]] inline float gate(float x) {
  return 1.0F / (1.0F + exponential(-kTwiceScale * x * (1.0F + kCubic * x * x)));
}

}  // namespace

BRIGADE_VECTOR_CLONES
void gelu(const float* __restrict x, float* __restrict y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] * gate(x[i]);
}

BRIGADE_VECTOR_CLONES
void gelu_with_slope(const float* x, float* __restrict y, float* slope, std::size_t count) {
#ifndef __clang__
#pragma GCC ivdep
#endif
  for (std::size_t i = 0; i < count; ++i) {
    const float value = x[i];
    const float open = gate(value);
    const float rise = kTwiceScale * (1.0F + 3.0F * kCubic * value * value);
    y[i] = value * open;
    slope[i] = open + value * open * (1.0F - open) * rise;
  }
}

}  // namespace brigade::stage

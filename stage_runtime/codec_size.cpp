#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/check.hpp"
#include "stage_runtime/codec.hpp"
#include "stage_runtime/codec_loops.hpp"

namespace brigade::stage {
namespace {

// Sums side by side, so that one addition need not wait for the one before.
constexpr std::size_t kLanes = 8;

template <class Square>
double sum_of(std::size_t count, const Square& square) {
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += square(i + lane);
  }
  double sum = 0;
  for (; i < count; ++i) sum += square(i);
  for (const double one : sums) sum += one;
  return sum;
}

double squared(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

double sum_of_int8(const std::byte* bytes, std::size_t count) {
  const std::size_t blocks = (count + kInt8Block - 1) / kInt8Block;
  const std::byte* codes = bytes + blocks * sizeof(float);
  double sum = 0;
  for (std::size_t block = 0; block < blocks; ++block) {
    std::int32_t of_codes = 0;  // at most 64 · 128²
    const std::size_t end = std::min<std::size_t>(count, (block + 1) * kInt8Block);
    for (std::size_t i = block * kInt8Block; i < end; ++i) {
      const auto code = std::int32_t{std::to_integer<std::int8_t>(codes[i])};
      of_codes += code * code;
    }
    sum += squared(loops::load<float>(bytes + block * sizeof(float))) * of_codes;
  }
  return sum;
}

}  // namespace

double root_mean_square(Codec codec, std::span<const std::byte> bytes, std::uint64_t elements) {
  BRIGADE_CHECK(codec != Codec::kNone && bytes.size() == encoded_bytes(codec, elements),
                "a tensor of another size than the codec needs");
  if (elements == 0) return 0;
  double sum = 0;
  if (codec == Codec::kInt8) sum = sum_of_int8(bytes.data(), elements);
  if (codec == Codec::kFp32)
    sum = sum_of(elements, [at = bytes.data()](std::size_t i) {
      return squared(loops::load<float>(at + i * sizeof(float)));
    });
  if (codec == Codec::kBf16)
    sum = sum_of(elements, [at = bytes.data()](std::size_t i) {
      const std::uint32_t upper = loops::load<std::uint16_t>(at + i * sizeof(std::uint16_t));
      return squared(std::bit_cast<float>(upper << 16));
    });
  return std::sqrt(sum / static_cast<double>(elements));
}

}  // namespace brigade::stage

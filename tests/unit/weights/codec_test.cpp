#include "stage_runtime/codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

namespace brigade::stage {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kStep = 1.0 / 127;  // of int8, as a share of the block's largest magnitude

std::vector<std::byte> encoded(Codec codec, const std::vector<float>& values,
                               const Rounding& rounding = Rounding::to_nearest()) {
  std::vector<std::byte> bytes(encoded_bytes(codec, values.size()));
  REQUIRE(encode(codec, values, rounding, bytes, "the tensor").has_value());
  return bytes;
}

std::vector<float> decoded(Codec codec, const std::vector<std::byte>& bytes, std::size_t count) {
  std::vector<float> values(count);
  REQUIRE(decode(codec, bytes, values, "tensor").has_value());
  return values;
}

std::vector<float> there_and_back(Codec codec, const std::vector<float>& values,
                                  const Rounding& rounding = Rounding::to_nearest()) {
  return decoded(codec, encoded(codec, values, rounding), values.size());
}

/// Random signs and digits, exponents from `least` to `most`.
std::vector<float> random_values(std::size_t count, int least, int most, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const int exponent =
        least + static_cast<int>(random.below(static_cast<std::uint64_t>(most - least) + 1));
    const double digits = random.chance(0.1) ? 0 : 1 + random.uniform();
    value = static_cast<float>(std::ldexp(random.chance(0.5) ? digits : -digits, exponent));
  }
  return values;
}

double largest_of_block(const std::vector<float>& values, std::size_t index) {
  const std::size_t first = index / kInt8Block * kInt8Block;
  double largest = 0;
  for (std::size_t i = first; i < std::min<std::size_t>(first + kInt8Block, values.size()); ++i)
    largest = std::max(largest, std::abs(double{values[i]}));
  return largest;
}

Error refusal(Codec codec, const std::vector<float>& values) {
  std::vector<std::byte> bytes(encoded_bytes(codec, values.size()));
  const auto result = encode(codec, values, Rounding::stochastic(1), bytes, "the tensor");
  REQUIRE(result.has_error());
  return result.error();
}

Error refusal(Codec codec, const std::vector<std::byte>& bytes, std::size_t count) {
  std::vector<float> values(count);
  const auto result = decode(codec, bytes, values, "activation");
  REQUIRE(result.has_error());
  CHECK(result.error().code == ErrorCode::kProtocol);
  CHECK(result.error().message.find("activation: ") == 0);
  return result.error();
}

void set_scale(std::vector<std::byte>& bytes, std::size_t block, float scale) {
  std::memcpy(bytes.data() + block * sizeof scale, &scale, sizeof scale);
}

// Lengths around the blocks of int8 and the widths of vectors.
const std::vector<std::size_t> kLengths{0, 1, 15, 16, 63, 64, 65, 127, 128, 1000, 4096 + 17};

TEST_CASE("a codec's name is what finds it, and nothing else does") {
  for (const Codec codec : kCodecs) CHECK(find_codec(codec_name(codec)) == codec);
  CHECK_FALSE(find_codec("none").has_value());
  CHECK_FALSE(find_codec("").has_value());
}

TEST_CASE("int8 takes a byte a number and a scale every 64, bf16 two bytes, fp32 four") {
  CHECK(encoded_bytes(Codec::kInt8, 0) == 0);
  CHECK(encoded_bytes(Codec::kInt8, 1) == 5);
  CHECK(encoded_bytes(Codec::kInt8, 64) == 68);
  CHECK(encoded_bytes(Codec::kInt8, 65) == 73);
  CHECK(encoded_bytes(Codec::kBf16, 65) == 130);
  CHECK(encoded_bytes(Codec::kFp32, 65) == 260);
  CHECK(encoded_bytes(Codec::kNone, 65) == 0);
}

TEST_CASE("fp32 comes back bit for bit, subnormal numbers and signed zeros included") {
  for (const std::size_t length : kLengths) {
    std::vector<float> values = random_values(length, -140, 127, length);
    if (length > 2) values[1] = -0.0F;
    const auto back = there_and_back(Codec::kFp32, values);
    const bool is_same =
        length == 0 || std::memcmp(back.data(), values.data(), length * sizeof(float)) == 0;
    CHECK(is_same);
  }
}

TEST_CASE("bf16 is the nearest number with 8 digits, a tie going to the even one") {
  for (const std::size_t length : kLengths) {
    const auto values = random_values(length, -140, 126, length);
    const auto back = there_and_back(Codec::kBf16, values);
    for (std::size_t i = 0; i < length; ++i) {
      const double value = values[i];
      // The place of the last digit that stays; subnormal numbers have a fixed one.
      const int place = value == 0 ? 0 : std::max(std::ilogb(value), -126) - 7;
      const double expected = std::ldexp(std::nearbyint(std::ldexp(value, -place)), place);
      CHECK(double{back[i]} == expected);
      CHECK(std::abs(expected - value) <= std::max(0x1p-8 * std::abs(value), 0x1p-134));
    }
  }
  const std::vector<float> ties{1 + 0x1p-8F, 1 + 3 * 0x1p-8F};
  CHECK(there_and_back(Codec::kBf16, ties) == std::vector<float>{1.0F, 1 + 0x1p-6F});
}

TEST_CASE("int8 to nearest errs by half a step of its block at most") {
  for (const std::size_t length : kLengths) {
    for (const auto& [least, most] : {std::pair{-4, 3}, {-90, -60}, {90, 118}, {-120, 100}}) {
      const auto values = random_values(length, least, most, length);
      const auto back = there_and_back(Codec::kInt8, values);
      for (std::size_t i = 0; i < length; ++i) {
        const double bound = 0.5001 * kStep * largest_of_block(values, i);
        CHECK(std::abs(double{back[i]} - double{values[i]}) <= std::max(bound, 0x1p-100));
      }
    }
  }
}

TEST_CASE("the largest magnitude of an int8 block comes back to within rounding of fp32") {
  const auto values = random_values(64 * 50, -3, 3, 5);
  const auto back = there_and_back(Codec::kInt8, values, Rounding::stochastic(3));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::abs(values[i]) < largest_of_block(values, i)) continue;
    CHECK(std::abs(double{back[i]} - double{values[i]}) <= 0x1p-22 * std::abs(double{values[i]}));
  }
}

TEST_CASE("an outlier costs its own block of int8 precision and no other") {
  std::vector<float> values(192, 0.5F);
  values[70] = 1e6F;
  const auto back = there_and_back(Codec::kInt8, values);
  CHECK(back[0] == Approx(0.5F));
  CHECK(back[71] == 0.0F);
  CHECK(back[128] == Approx(0.5F));
}

TEST_CASE("stochastic rounding errs by a step at most, and its mean is the number itself") {
  const auto values = random_values(200, -5, 2, 11);
  constexpr int kSeeds = 4000;
  std::vector<double> sums(values.size());
  double worst = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto back = there_and_back(Codec::kInt8, values, Rounding::stochastic(mix_seed(seed)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double step = kStep * largest_of_block(values, i);
      worst = std::max(worst, std::abs(double{back[i]} - double{values[i]}) / step);
      sums[i] += double{back[i]};
    }
  }
  CHECK(worst < 1.0001);
  CHECK(worst > 0.9);
  for (std::size_t i = 0; i < values.size(); ++i) {
    // A step of noise has a deviation of half at most: five of the mean's are allowed.
    const double bound = 5 * 0.5 * kStep * largest_of_block(values, i) / std::sqrt(kSeeds);
    CHECK(std::abs(sums[i] / kSeeds - double{values[i]}) < bound);
  }
}

TEST_CASE("the noise of one element says nothing about its neighbours' or the next seed's") {
  // Half of a step everywhere but at each block's first, which sets the scale: up or down is noise.
  std::vector<float> values(64 * 256, 0.5F);
  for (std::size_t i = 0; i < values.size(); i += kInt8Block) values[i] = 127.0F;
  const auto signs_of = [&](std::uint64_t seed) {
    auto back = there_and_back(Codec::kInt8, values, Rounding::stochastic(seed));
    for (std::size_t i = 0; i < back.size(); ++i)
      back[i] = i % kInt8Block == 0 ? 0.0F : (back[i] > 0.5F ? 1.0F : -1.0F);
    return back;
  };
  const auto correlation = [](const std::vector<float>& a, const std::vector<float>& b,
                              std::size_t shift) {
    double sum = 0;
    for (std::size_t i = 0; i + shift < a.size(); ++i) sum += double{a[i]} * double{b[i + shift]};
    return std::abs(sum) / std::sqrt(static_cast<double>(a.size()));
  };
  const auto one = signs_of(1);
  for (const std::size_t shift : {1u, 2u, 16u, 64u, 1024u}) CHECK(correlation(one, one, shift) < 5);
  for (const std::uint64_t seed : {2ULL, 3ULL, 1ULL << 32, 1ULL << 63})
    for (const std::size_t shift : {0u, 1u, 2u}) CHECK(correlation(one, signs_of(seed), shift) < 5);
}

TEST_CASE("the same seed gives the same bytes, another seed others") {
  const auto values = random_values(1000, -3, 3, 2);
  const auto first = encoded(Codec::kInt8, values, Rounding::stochastic(7));
  CHECK(first == encoded(Codec::kInt8, values, Rounding::stochastic(7)));
  CHECK(first != encoded(Codec::kInt8, values, Rounding::stochastic(8)));
}

TEST_CASE("these are the bytes that travel") {
  const std::vector<float> values{1.0F, -2.0F, 0.25F, 0.0F};
  const auto as_text = [](const std::vector<std::byte>& bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
      constexpr char kDigits[] = "0123456789abcdef";
      text += kDigits[std::to_integer<unsigned>(byte) >> 4];
      text += kDigits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
  };
  CHECK(as_text(encoded(Codec::kFp32, values)) == "0000803f000000c00000803e00000000");
  CHECK(as_text(encoded(Codec::kBf16, values)) == "803f00c0803e0000");
  // The scale 2/127, then 63.5 to the even 64, −127, 15.875 and zero.
  CHECK(as_text(encoded(Codec::kInt8, values)) == "0402813c40811000");
}

TEST_CASE("a block of zeros, and one too small for a scale, comes back as zeros") {
  std::vector<float> values(130, 0.0F);
  for (std::size_t i = 64; i < 128; ++i) values[i] = 0x1p-101F;
  for (const Rounding& rounding : {Rounding::to_nearest(), Rounding::stochastic(5)}) {
    const auto back = there_and_back(Codec::kInt8, values, rounding);
    CHECK(std::ranges::all_of(back, [](float value) { return value == 0; }));
  }
}

TEST_CASE("what is not finite is never sent, wherever it stands") {
  for (const Codec codec : kCodecs) {
    for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
      for (const std::size_t at : {0u, 63u, 64u, 99u}) {
        std::vector<float> values(100, 1.0F);
        values[at] = bad;
        const Error error = refusal(codec, values);
        CHECK(error.code == ErrorCode::kUnavailable);
        CHECK(error.message.find("the tensor that this stage computed is not finite") == 0);
        CHECK(error.message.find("diverged") != std::string::npos);
      }
    }
  }
}

TEST_CASE("what a codec cannot hold is refused instead of becoming infinite") {
  const float largest = std::numeric_limits<float>::max();
  CHECK(there_and_back(Codec::kFp32, {largest})[0] == largest);
  const float largest_bf16 = std::bit_cast<float>(0x7f7f'7fffU);
  CHECK(std::isfinite(there_and_back(Codec::kBf16, {-largest_bf16})[0]));
  CHECK(refusal(Codec::kBf16, {1.0F, std::nextafter(largest_bf16, largest)})
            .message.find("too large for the codec (bf16)") != std::string::npos);
  CHECK(there_and_back(Codec::kInt8, {0x1p120F})[0] == Approx(0x1p120F));
  CHECK(refusal(Codec::kInt8, {-0x1.000002p120F}).message.find("too large") != std::string::npos);
}

TEST_CASE("bytes of another length than the shape needs are refused") {
  for (const Codec codec : kCodecs) {
    auto bytes = encoded(codec, std::vector<float>(100, 1.0F));
    bytes.push_back(std::byte{0});
    CHECK(refusal(codec, bytes, 100).message.find("bytes arrived where") != std::string::npos);
    bytes.resize(bytes.size() - 2);
    refusal(codec, bytes, 100);
    refusal(codec, {}, 100);
  }
  CHECK(refusal(Codec::kNone, {}, 100).message.find("without a codec") != std::string::npos);
}

TEST_CASE("numbers that are not finite are refused on arrival") {
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    std::vector<std::byte> bytes(40 * sizeof(float));
    std::memcpy(bytes.data() + 39 * sizeof(float), &bad, sizeof bad);
    CHECK(refusal(Codec::kFp32, bytes, 40).message.find("not finite") != std::string::npos);
    const auto half = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(bad) >> 16);
    bytes.assign(40 * sizeof half, std::byte{0});
    std::memcpy(bytes.data() + 39 * sizeof half, &half, sizeof half);
    CHECK(refusal(Codec::kBf16, bytes, 40).message.find("not finite") != std::string::npos);
  }
}

TEST_CASE("scales and bytes that int8 never writes are refused") {
  const std::vector<float> values(100, 1.0F);
  for (const float scale : {kNan, kInfinity, -1.0F, -0.0F, 0x1p-108F, 0x1p-149F, 0x1.1p114F}) {
    for (const std::size_t block : {0u, 1u}) {
      auto bytes = encoded(Codec::kInt8, values);
      set_scale(bytes, block, scale);
      CHECK(refusal(Codec::kInt8, bytes, 100).message.find("a scale") != std::string::npos);
    }
  }
  for (const std::size_t at : {0u, 63u, 64u, 99u}) {
    auto bytes = encoded(Codec::kInt8, values);
    bytes[8 + at] = std::byte{0x80};
    CHECK(refusal(Codec::kInt8, bytes, 100).message.find("never writes") != std::string::npos);
  }
}

TEST_CASE("whatever bytes arrive, nothing that is not finite comes out") {
  Random random(99);
  for (int round = 0; round < 300; ++round) {
    for (const Codec codec : kCodecs) {
      const std::size_t count = random.below(200);
      std::vector<std::byte> bytes(encoded_bytes(codec, count));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
      std::vector<float> out(count);
      if (decode(codec, bytes, out, "tensor").has_error()) continue;
      CHECK(std::ranges::all_of(out, [](float value) { return std::isfinite(value); }));
    }
  }
}

TEST_CASE("the size of a tensor is that of the numbers that come out of it, in each codec") {
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i)) * static_cast<float>(1 + i % 7);
  for (const Codec codec : kCodecs) {
    CAPTURE(codec_name(codec));
    std::vector<std::byte> bytes(encoded_bytes(codec, values.size()));
    REQUIRE(encode(codec, values, Rounding::to_nearest(), bytes, "test").has_value());
    std::vector<float> decoded(values.size());
    REQUIRE(decode(codec, bytes, decoded, "test").has_value());
    double squares = 0;
    for (const float value : decoded) squares += double{value} * double{value};
    CHECK(root_mean_square(codec, bytes, values.size()) ==
          Approx(std::sqrt(squares / static_cast<double>(values.size()))));
  }
}

}  // namespace
}  // namespace brigade::stage

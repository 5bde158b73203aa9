// Tensors as they travel between stages: the codecs of the wire, behind one pair of functions.
//
// A codec turns n fp32 numbers into bytes, all little-endian, and back. x̂ is what comes out of it:
//
//   codec  bytes              rounding                  error
//   fp32   4n                 none                      x̂ = x, bit for bit
//   bf16   2n                 to nearest, ties to even  |x̂ − x| ≤ 2⁻⁸·|x|, or 2⁻¹³⁴ if larger
//   int8   n + 4·ceil(n/64)   to nearest                |x̂ − x| ≤ 0.5001·a/127
//                             stochastic                |x̂ − x| < 1.0001·a/127, E[x̂] = x ±
//                             2⁻¹⁶·a/127
//
// int8 cuts the numbers into blocks of 64; a is the largest magnitude of the block. Its scales
// s = a/127 come first, one fp32 a block, then one signed byte a number, round(x/s). A block whose
// a is below 2⁻¹⁰⁰ becomes zeros (s = 0): further down 1/s would not be finite.
//
// Activations are rounded to nearest: the least error for each. Gradients are rounded
// stochastically in int8: errors of one sign would add up over the stages that a gradient passes
// and the updates that it enters, those of mean zero average out. The noise is a pure function of
// (seed, index), so that a repeat of the same micro-batch sends the same bytes and lock-step runs
// agree bit for bit.
//
// Not finite: encode() refuses NaN, infinities, and what would become one (above 3.39e38 in bf16,
// above 2¹²⁰ in int8): this stage has diverged. decode() refuses them too, and in int8 a scale that
// encode() cannot have written and the byte −128: the sender's fault. Neither ever writes a number
// in their place.
//
// Cost: one pass (int8 encodes in two over a block in cache); over 1 GB/s of fp32 a core for encode
// and decode together in each codec (bench/codec). Every machine computes the same bits. Pure
// functions: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace brigade::stage {

enum class Codec : std::uint8_t { kNone = 0, kFp32 = 1, kBf16 = 2, kInt8 = 3 };

/// All that encode and decode can do; every node can do kFp32.
inline constexpr std::array kCodecs{Codec::kFp32, Codec::kBf16, Codec::kInt8};

std::string_view codec_name(Codec codec);
std::optional<Codec> find_codec(std::string_view name);  // "fp32", "bf16", "int8"

inline constexpr std::uint64_t kInt8Block = 64;  // elements that share a scale

/// What `elements` numbers take on the wire.
constexpr std::uint64_t encoded_bytes(Codec codec, std::uint64_t elements) {
  switch (codec) {
    case Codec::kFp32:
      return elements * sizeof(float);
    case Codec::kBf16:
      return elements * sizeof(std::uint16_t);
    case Codec::kInt8:
      return elements + (elements + kInt8Block - 1) / kInt8Block * sizeof(float);
    case Codec::kNone:
      break;
  }
  return 0;
}

/// What becomes of the part of a number that a codec cannot hold.
class Rounding {
 public:
  static Rounding to_nearest() { return {}; }
  /// Used by int8; the other codecs round to nearest all the same.
  static Rounding stochastic(std::uint64_t seed) { return Rounding(seed); }

  const std::optional<std::uint64_t>& seed() const { return seed_; }

 private:
  Rounding() = default;
  explicit Rounding(std::uint64_t seed) : seed_(seed) {}
  std::optional<std::uint64_t> seed_;
};

/// `out` has encoded_bytes() of `values`: CHECKed. kUnavailable if a value is not finite or too
/// large for the codec; `what` names the tensor in the message.
Result<> encode(Codec codec, std::span<const float> values, const Rounding& rounding,
                std::span<std::byte> out, std::string_view what);

/// kProtocol if `bytes` are not encoded_bytes() of `out`, or were not written by encode().
Result<> decode(Codec codec, std::span<const std::byte> bytes, std::span<float> out,
                std::string_view what);

/// Of the numbers that `bytes`, encoded_bytes() of `elements`, stand for: CHECKed. Judges nothing:
/// where decode() would refuse them it may be infinite or NaN. One pass, about 1 ns for four
/// numbers.
double root_mean_square(Codec codec, std::span<const std::byte> bytes, std::uint64_t elements);

/// kProtocol if a token is outside the vocabulary.
Result<> check_tokens(std::span<const std::int32_t> tokens, std::uint32_t vocabulary);

}  // namespace brigade::stage

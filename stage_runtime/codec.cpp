#include "stage_runtime/codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/check.hpp"
#include "stage_runtime/codec_loops.hpp"

namespace brigade::stage {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

// The largest fp32 that rounds to a finite bf16: one bit more and it carries into the exponent.
constexpr std::int32_t kLargestBf16 = 0x7f7f'7fff;

Error wire_error(std::string text) {
  return make_error(ErrorCode::kProtocol, std::move(text));
}

std::int32_t largest_for(Codec codec) {
  switch (codec) {
    case Codec::kBf16:
      return kLargestBf16;
    case Codec::kInt8:
      return loops::magnitude(loops::kLargestInt8);
    case Codec::kFp32:
    case Codec::kNone:
      break;
  }
  return loops::kNotFinite - 1;
}

Result<> check_finite_on_arrival(std::int32_t largest, std::string_view what) {
  if (largest < loops::kNotFinite) return {};
  return wire_error(
      fmt::format("{}: holds a value that is not finite; the stage that sent it has "
                  "diverged or the bytes are damaged",
                  what));
}

Result<> check_fault(loops::Int8Fault fault, std::string_view what) {
  switch (fault) {
    case loops::Int8Fault::kScale:
      return wire_error(
          fmt::format("{}: holds a scale that int8 cannot have; the stage that sent "
                      "it has diverged or the bytes are damaged",
                      what));
    case loops::Int8Fault::kCode:
      return wire_error(
          fmt::format("{}: holds a byte that int8 never writes; the bytes are damaged", what));
    case loops::Int8Fault::kNone:
      break;
  }
  return {};
}

}  // namespace

std::string_view codec_name(Codec codec) {
  switch (codec) {
    case Codec::kFp32:
      return "fp32";
    case Codec::kBf16:
      return "bf16";
    case Codec::kInt8:
      return "int8";
    case Codec::kNone:
      break;
  }
  return "none";
}

std::optional<Codec> find_codec(std::string_view name) {
  const auto* found = std::ranges::find(kCodecs, name, codec_name);
  return found == kCodecs.end() ? std::nullopt : std::optional(*found);
}

Result<> encode(Codec codec, std::span<const float> values, const Rounding& rounding,
                std::span<std::byte> out, std::string_view what) {
  BRIGADE_CHECK(codec != Codec::kNone && out.size() == encoded_bytes(codec, values.size()),
                "a buffer of another size than the codec needs");
  std::int32_t largest = 0;
  if (codec == Codec::kFp32) largest = loops::encode_fp32(values.data(), values.size(), out.data());
  if (codec == Codec::kBf16) largest = loops::encode_bf16(values.data(), values.size(), out.data());
  if (codec == Codec::kInt8)
    largest = loops::encode_int8(values.data(), values.size(), rounding.seed(), out.data());
  if (largest <= largest_for(codec)) return {};
  const char* problem =
      largest < loops::kNotFinite ? "holds a value too large for the codec" : "is not finite";
  return make_error(ErrorCode::kUnavailable,
                    fmt::format("{} that this stage computed {} ({}): the training has diverged; "
                                "lower the learning rate, or resume from an older checkpoint",
                                what, problem, codec_name(codec)));
}

Result<> decode(Codec codec, std::span<const std::byte> bytes, std::span<float> out,
                std::string_view what) {
  if (codec == Codec::kNone) return wire_error(fmt::format("{}: came without a codec", what));
  if (bytes.size() != encoded_bytes(codec, out.size())) {
    return wire_error(fmt::format("{}: {} bytes arrived where the batch's shape needs {} in {}",
                                  what, bytes.size(), encoded_bytes(codec, out.size()),
                                  codec_name(codec)));
  }
  if (codec == Codec::kInt8)
    return check_fault(loops::decode_int8(bytes.data(), out.size(), out.data()), what);
  const auto loop = codec == Codec::kBf16 ? loops::decode_bf16 : loops::decode_fp32;
  return check_finite_on_arrival(loop(bytes.data(), out.size(), out.data()), what);
}

Result<> check_tokens(std::span<const std::int32_t> tokens, std::uint32_t vocabulary) {
  std::uint32_t largest = 0;  // a negative id becomes a large one
  for (const std::int32_t token : tokens) {
    const auto id = static_cast<std::uint32_t>(token);
    largest = id > largest ? id : largest;
  }
  if (largest < vocabulary) return {};
  return wire_error(fmt::format("token {} is outside the model's vocabulary of {}",
                                static_cast<std::int32_t>(largest), vocabulary));
}

}  // namespace brigade::stage

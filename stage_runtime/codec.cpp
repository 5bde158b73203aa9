#include "stage_runtime/codec.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

/// All exponent bits set: infinite or not a number. One pass without branches, so that it
/// vectorises.
BRIGADE_VECTOR_CLONES
bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t found = 0;
  for (const float value : values) {
    found |=
        static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent);
  }
  return found == 0;
}

}  // namespace

Result<> decode_fp32(std::span<const std::byte> bytes, std::span<float> out, const char* what) {
  if (bytes.size() != out.size_bytes()) {
    return make_error(ErrorCode::kProtocol,
                      fmt::format("{}: {} bytes arrived where the batch's shape needs {}", what,
                                  bytes.size(), out.size_bytes()));
  }
  std::memcpy(out.data(), bytes.data(), bytes.size());
  if (all_finite(out)) return {};
  return make_error(ErrorCode::kProtocol,
                    fmt::format("{}: holds a value that is not finite; the stage that sent it has "
                                "diverged or the bytes are damaged",
                                what));
}

Bytes encode_fp32(std::span<const float> values) {
  Bytes bytes{std::make_unique_for_overwrite<std::byte[]>(values.size_bytes()),
              values.size_bytes()};
  std::memcpy(bytes.data.get(), values.data(), bytes.size);
  return bytes;
}

Result<> check_tokens(std::span<const std::int32_t> tokens, std::uint32_t vocabulary) {
  std::uint32_t largest = 0;  // a negative id becomes a large one
  for (const std::int32_t token : tokens) {
    const auto id = static_cast<std::uint32_t>(token);
    largest = id > largest ? id : largest;
  }
  if (largest < vocabulary) return {};
  return make_error(ErrorCode::kProtocol,
                    fmt::format("token {} is outside the model's vocabulary of {}",
                                static_cast<std::int32_t>(largest), vocabulary));
}

}  // namespace brigade::stage

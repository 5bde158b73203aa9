// Bytes of one payload as they travel: contiguous, reference-counted, never copied on the way out.
#pragma once

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace brigade::daemon {

enum class Codec : std::uint8_t { kNone = 0, kFp32 = 1 };

/// Shape of a payload: (batch, tokens, width) in `codec`, then batch·(tokens+1) int32 token ids
/// when `has_tokens`. width 0: no tensor.
struct PayloadShape {
  Codec codec = Codec::kNone;
  std::uint32_t batch = 0;   // B
  std::uint32_t tokens = 0;  // T
  std::uint32_t width = 0;   // D
  bool has_tokens = false;

  bool operator==(const PayloadShape&) const = default;
  /// What the bytes must sum up to; computed without overflow.
  std::uint64_t tensor_bytes() const;
  std::uint64_t total_bytes() const;
};

struct PayloadData {
  PayloadShape shape;
  grpc::Slice bytes;           // tensor, then tokens
  std::uint64_t checksum = 0;  // XXH3-64 of `bytes`

  std::span<const std::byte> tensor() const;
  std::span<const std::byte> token_bytes() const;
};

}  // namespace brigade::daemon

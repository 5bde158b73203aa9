// Bytes of one payload as they travel: contiguous, reference-counted, never copied on the way out.
#pragma once

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "stage_runtime/codec.hpp"

struct XXH3_state_s;

namespace brigade::daemon {

using stage::Codec;

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

/// XXH3-64, the checksum of PayloadHeader.
std::uint64_t payload_checksum(std::span<const std::byte> bytes);

/// The same over bytes that come in parts.
class PayloadHash {
 public:
  PayloadHash();
  void add(std::span<const std::byte> bytes);
  std::uint64_t digest() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// Received payloads start at such an address, so that a tensor can view them in place.
inline constexpr std::size_t kPayloadAlignment = 64;

/// Memory for one payload, filled once and then given away as a slice without a copy.
class PayloadBuffer {
 public:
  PayloadBuffer() = default;
  explicit PayloadBuffer(std::size_t bytes);  // is_valid() is false if there is no memory
  ~PayloadBuffer();
  PayloadBuffer(PayloadBuffer&& other) noexcept;
  PayloadBuffer& operator=(PayloadBuffer&& other) noexcept;

  bool is_valid() const { return data_ != nullptr; }
  std::span<std::byte> bytes() { return {data_, bytes_}; }
  grpc::Slice into_slice() &&;

 private:
  static void release(void* data);

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace brigade::daemon

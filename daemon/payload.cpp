#include "daemon/payload.hpp"

#include <xxhash.h>

#include <cstdlib>
#include <new>

#include "base/check.hpp"

namespace brigade::daemon {

namespace {

std::span<const std::byte> as_bytes(const grpc::Slice& slice) {
  return {reinterpret_cast<const std::byte*>(slice.begin()), slice.size()};
}

}  // namespace

std::uint64_t PayloadShape::tensor_bytes() const {
  // Each factor is below 2^32 and bounded in frames (limits::kMaxBatch, kMaxContext, kMaxWidth) so
  // that batch·tokens·width·4 < 2^12·2^17·2^16·2^2 = 2^47; no codec needs more.
  return stage::encoded_bytes(codec, std::uint64_t{batch} * tokens * width);
}

std::uint64_t PayloadShape::total_bytes() const {
  const std::uint64_t token_bytes =
      has_tokens ? std::uint64_t{batch} * (std::uint64_t{tokens} + 1) * sizeof(std::int32_t) : 0;
  return tensor_bytes() + token_bytes;
}

std::span<const std::byte> PayloadData::tensor() const {
  BRIGADE_CHECK(shape.total_bytes() == bytes.size(), "payload does not match its own shape");
  return as_bytes(bytes).first(shape.tensor_bytes());
}

std::span<const std::byte> PayloadData::token_bytes() const {
  BRIGADE_CHECK(shape.total_bytes() == bytes.size(), "payload does not match its own shape");
  return as_bytes(bytes).subspan(shape.tensor_bytes());
}

std::uint64_t payload_checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

PayloadHash::PayloadHash() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_64bits_reset(state_.get());
}

void PayloadHash::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

std::uint64_t PayloadHash::digest() const {
  return XXH3_64bits_digest(state_.get());
}

void PayloadHash::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

PayloadBuffer::PayloadBuffer(std::size_t bytes)
    : data_(static_cast<std::byte*>(
          ::operator new (bytes, std::align_val_t{kPayloadAlignment}, std::nothrow))),
      bytes_(bytes) {}

PayloadBuffer::~PayloadBuffer() {
  release(data_);
}

PayloadBuffer::PayloadBuffer(PayloadBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

PayloadBuffer& PayloadBuffer::operator=(PayloadBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void PayloadBuffer::release(void* data) {
  ::operator delete (data, std::align_val_t{kPayloadAlignment});
}

grpc::Slice PayloadBuffer::into_slice() && {
  std::byte* data = std::exchange(data_, nullptr);
  return grpc::Slice(data, std::exchange(bytes_, 0), &PayloadBuffer::release, data);
}

}  // namespace brigade::daemon

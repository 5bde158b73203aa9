// Strong ids and indices: a stage index can't be passed where a sequence number is meant.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace brigade {

/// An integer with a meaning of its own. `Tag` makes the type unique; arithmetic is explicit.
template <class Tag, class Rep = std::uint64_t>
class StrongInt {
 public:
  using rep = Rep;
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr StrongInt next() const { return StrongInt(static_cast<Rep>(value_ + 1)); }
  constexpr auto operator<=>(const StrongInt&) const = default;

 private:
  Rep value_{};
};

using StageIndex = StrongInt<struct StageIndexTag, std::uint32_t>;  // 0 (head) … P−1 (tail)
using HeadIndex = StrongInt<struct HeadIndexTag, std::uint64_t>;  // which head drew a micro-batch;
                                                                  // replicas: which instance
using Epoch = StrongInt<struct EpochTag, std::uint32_t>;          // counts the resumes of a swarm
using Sequence = StrongInt<struct SequenceTag, std::uint64_t>;    // per head and epoch, from 0
using Version = StrongInt<struct VersionTag, std::uint64_t>;      // optimiser updates of a stage
using Attempt = StrongInt<struct AttemptTag, std::uint32_t>;      // counts the sends of one hop
using PayloadId = StrongInt<struct PayloadIdTag, std::uint64_t>;  // names bytes held by the driver

/// Identity of a node: SHA-256 of its Ed25519 public key (SubjectPublicKeyInfo, DER).
struct NodeId {
  std::array<std::uint8_t, 32> bytes{};
  bool operator==(const NodeId& other) const {
    return first() == other.first() && bytes == other.bytes;
  }
  /// As their hexadecimal digits. Nearly always the first eight bytes tell.
  std::strong_ordering operator<=>(const NodeId& other) const {
    return first() != other.first() ? first() <=> other.first() : bytes <=> other.bytes;
  }
  bool is_zero() const { return *this == NodeId{}; }
  /// The first eight bytes, as a number in the same order.
  std::uint64_t first() const {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | bytes[i];
    return number;
  }
};

/// 64 lower-case hexadecimal digits.
std::string to_hex(const NodeId& id);
/// The first eight digits: enough for people, never used as a key.
std::string to_short(const NodeId& id);
/// False, and `out` untouched, unless `text` is exactly 64 hexadecimal digits.
bool from_hex(std::string_view text, NodeId& out);

/// Identity of a micro-batch. Evaluation batches have their own sequence and are outside the
/// ledger of what was trained.
struct MicrobatchId {
  enum class Kind : std::uint8_t { kTrain, kEval };

  Epoch epoch;
  HeadIndex head;
  Sequence sequence;
  Kind kind = Kind::kTrain;

  auto operator<=>(const MicrobatchId&) const = default;
};

std::string to_string(const MicrobatchId& id);  // "3/0/1742", evaluation "3/0/e17"

/// Finaliser of SplitMix64: a good 64-bit mix, for hashes and counter-based randomness.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace brigade

template <class Tag, class Rep>
struct std::hash<brigade::StrongInt<Tag, Rep>> {
  std::size_t operator()(const brigade::StrongInt<Tag, Rep>& id) const {
    return static_cast<std::size_t>(brigade::mix64(static_cast<std::uint64_t>(id.value())));
  }
};

template <>
struct std::hash<brigade::NodeId> {
  std::size_t operator()(const brigade::NodeId& id) const {
    std::uint64_t first = 0;
    std::memcpy(&first, id.bytes.data(), sizeof first);
    return static_cast<std::size_t>(brigade::mix64(first));
  }
};

template <>
struct std::hash<brigade::MicrobatchId> {
  std::size_t operator()(const brigade::MicrobatchId& id) const {
    const std::uint64_t high = (std::uint64_t{id.epoch.value()} << 32) ^ (id.head.value() << 1) ^
                               (id.head.value() >> 63) ^ static_cast<std::uint64_t>(id.kind);
    return static_cast<std::size_t>(brigade::mix64(brigade::mix64(high) ^ id.sequence.value()));
  }
};

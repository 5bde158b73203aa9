// What a message would be on the wire: ids of 32 bytes, signatures of 64, a few bytes a field.
#include <variant>

#include "sim/membership/world.hpp"

namespace brigade::sim {
namespace {

namespace core = swarm::membership;

constexpr std::uint64_t kId = 34;
constexpr std::uint64_t kSignature = 66;
constexpr std::uint64_t kField = 6;
constexpr std::uint64_t kFrame = 16;

std::uint64_t size_of(const core::NodeRecord& record) {
  std::uint64_t bytes = 2 * kId + kSignature + 8 * kField + kId * record.via.size();
  for (const std::string& address : record.addresses) bytes += 2 + address.size();
  return bytes;
}

std::uint64_t size_of(const std::vector<core::Summary>& summaries) {
  std::uint64_t bytes = 4 * kField * summaries.size();
  for (const core::Summary& summary : summaries) {
    if (summary.contact) bytes += size_of(*summary.contact);
  }
  return bytes;
}

std::uint64_t size_of(const core::Rumour& rumour) {
  if (const auto* record = std::get_if<core::RecordPtr>(&rumour)) return size_of(**record);
  return 3 * kId + kSignature + kField;
}

struct Size {
  std::uint64_t operator()(const core::Hello& hello) const {
    return size_of(*hello.record) + 2 * kField + size_of(hello.summaries);
  }
  std::uint64_t operator()(const core::Gossip& gossip) const {
    std::uint64_t bytes = 2 * kField + size_of(gossip.summaries);
    for (const core::Rumour& rumour : gossip.rumours) bytes += size_of(rumour);
    return bytes;
  }
  std::uint64_t operator()(const core::Probe&) const { return 0; }
  std::uint64_t operator()(const core::ProbeAck&) const { return 0; }
  std::uint64_t operator()(const core::ProbeFor&) const { return kId; }
  std::uint64_t operator()(const core::ProbeResult&) const { return kId + 2; }
  std::uint64_t operator()(const core::SyncDigest& digest) const {
    return 2 * kField + digest.groups.size() * (kField + 8 * core::kBuckets);
  }
  std::uint64_t operator()(const core::SyncEntries& entries) const {
    return 2 * kField * entries.groups.size() + 16 * entries.entries.size();
  }
  std::uint64_t operator()(const core::SyncRecords& message) const {
    std::uint64_t bytes = 8 * message.wants.size();
    for (const auto& record : message.records) bytes += size_of(*record);
    return bytes + (3 * kId + kSignature + kField) * message.suspicions.size();
  }
};

}  // namespace

std::uint64_t wire_bytes(const swarm::membership::Message& message) {
  return kFrame + std::visit(Size{}, message);
}

}  // namespace brigade::sim

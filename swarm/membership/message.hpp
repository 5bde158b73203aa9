// What members say to each other over a link. daemon/ translates to and from the wire; simulators
// pass these values as they are.
//
// Any of them may be lost: rumours are told several times by several members, and what they miss is
// found when two members compare what they know.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership {

/// The groups that a node keeps full records of: first … last.
struct Interest {
  StageIndex first;
  StageIndex last;

  bool has(StageIndex group) const { return first <= group && group <= last; }
  bool meets(const Interest& other) const { return first <= other.last && other.first <= last; }
  /// Groups of both, where they meet.
  std::uint32_t common(const Interest& other) const {
    return std::min(last, other.last).value() - std::max(first, other.first).value() + 1;
  }
  auto operator<=>(const Interest&) const = default;
};

/// What is known of a stage without knowing its members.
struct Summary {
  StageIndex stage;
  std::uint32_t members = 0;            // spares that its group holds included
  std::uint32_t serving = 0;            // replicas
  std::uint64_t microbatches_hour = 0;  // what its replicas do together, by what they say
  Duration age{};                       // since somebody counted
  RecordPtr contact;                    // one of its members that can be dialled; often none
};

/// First on each link, from both ends.
struct Hello {
  RecordPtr record;
  Interest interest;
  std::vector<Summary> summaries;
};

using Rumour = std::variant<RecordPtr, SuspicionPtr>;

/// Rumours, and a sign of life where there are none.
struct Gossip {
  Interest interest;
  std::vector<Rumour> rumours;
  std::vector<Summary> summaries;  // now and then
};

struct Probe {};     // "say something"
struct ProbeAck {};  // to whoever asked
struct ProbeFor {    // "can you reach it?"
  NodeId subject;
};
struct ProbeResult {
  NodeId subject;
  bool is_alive = false;  // false: no link here
};

// Comparing what two members know:
//
//     A ── SyncDigest ──► B     a sum of each bucket of each group
//     A ◄─ SyncEntries ── B     what B has in the buckets that differ
//     A ── SyncRecords ─► B     what B lacks, and what A wants
//     A ◄─ SyncRecords ── B     what A wanted
inline constexpr std::size_t kBuckets = 16;  // of a group, by the top bits of the id's prefix

struct GroupDigest {
  StageIndex group;
  std::array<std::uint64_t, kBuckets> sums{};  // of (id, incarnation) of its present members
};
struct SyncDigest {
  Interest interest;
  std::vector<GroupDigest> groups;
};
struct SyncEntry {
  std::uint64_t prefix = 0;
  Incarnation incarnation;
};
struct SyncBuckets {
  StageIndex group;
  std::uint16_t buckets = 0;  // one bit each
};
struct SyncEntries {
  std::vector<SyncBuckets> groups;  // all that is in these buckets is in `entries`
  std::vector<SyncEntry> entries;
};
struct SyncRecords {
  std::vector<RecordPtr> records;
  std::vector<SuspicionPtr> suspicions;  // of who the sender holds for dead; after the records
  std::vector<std::uint64_t> wants;      // prefixes
};

using Message = std::variant<Hello, Gossip, Probe, ProbeAck, ProbeFor, ProbeResult, SyncDigest,
                             SyncEntries, SyncRecords>;

}  // namespace brigade::swarm::membership

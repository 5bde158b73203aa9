// Two members compare what they know, and each tells the other what it lacks: what rumours missed,
// what a newcomer needs, what two halves of a split did not hear of each other.
//
// Rules
// - Sums of buckets go first, then what is in those that differ, then records: next to nothing
//   where the two agree.
// - Only groups that both keep records of are compared. An absent member is not news: it is missing
//   here, or vanished there, and the latter is told as a suspicion, so that its subject can answer.
// - Everything is a hint that signed records must bear out, and is bounded in size; what did not
//   fit comes the next time, which is soon.
// Bounds: limits::kMaxSync*. Cost: O(buckets that differ).
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "swarm/membership/shared.hpp"

namespace brigade::swarm::membership {

class Reconciler {
 public:
  explicit Reconciler(Shared& shared) : shared_(shared) {}

  void begin(const Link& link);
  void on(const NodeId& from, const SyncDigest& digest);
  void on(const NodeId& from, const SyncEntries& entries);
  /// What `from` wants of this node, and what it should know about what it sent. The records
  /// themselves are news like any other: the caller takes them in first.
  void answer(const NodeId& from, const SyncRecords& message);
  /// Something did not fit: compare again soon.
  bool is_unfinished() const { return is_unfinished_; }
  void restart() { is_unfinished_ = false; }

 private:
  void compare(const SyncEntry& entry, SyncRecords& reply) const;
  void push(SyncRecords& reply, Slot slot, bool is_newer) const;

  Shared& shared_;
  std::uint32_t next_group_ = 0;
  bool is_unfinished_ = false;
};

}  // namespace brigade::swarm::membership

#include "swarm/membership/reconcile.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm::membership {

void Reconciler::begin(const Link& link) {
  const std::uint32_t first = std::max(shared_.interest.first, link.interest.first).value();
  const std::uint32_t last = std::min(shared_.interest.last, link.interest.last).value();
  if (first > last) return;
  const std::uint32_t common = last - first + 1;
  const auto most = std::min(common, static_cast<std::uint32_t>(limits::kMaxSyncGroups));
  SyncDigest digest{shared_.interest, {}};
  digest.groups.reserve(most);
  for (std::uint32_t i = 0; i < most; ++i) {
    const StageIndex group{first + (next_group_ + i) % common};
    digest.groups.push_back({group, shared_.view.sums(group)});
  }
  next_group_ = (next_group_ + most) % common;
  shared_.send(link.peer, std::move(digest));
}

void Reconciler::on(const NodeId& from, const SyncDigest& digest) {
  if (digest.groups.size() > limits::kMaxSyncGroups) {
    shared_.blame(from, "too many digests");
    return;
  }
  SyncEntries reply;
  for (const GroupDigest& theirs : digest.groups) {
    if (!shared_.interest.has(theirs.group)) continue;
    const auto sums = shared_.view.sums(theirs.group);
    std::uint16_t buckets = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (sums[i] == theirs.sums[i]) continue;
      const auto members = shared_.view.bucket(theirs.group, i);
      if (reply.entries.size() + members.size() > limits::kMaxSyncEntries) continue;
      buckets = static_cast<std::uint16_t>(buckets | (1u << i));
      for (const Slot slot : members) {
        const View::Member& member = shared_.view.at(slot);
        reply.entries.push_back({member.prefix, member.record->incarnation});
      }
    }
    if (buckets != 0) reply.groups.push_back({theirs.group, buckets});
  }
  if (!reply.groups.empty()) shared_.send(from, std::move(reply));
}

void Reconciler::push(SyncRecords& reply, Slot slot, bool is_newer) const {
  const View::Member& member = shared_.view.at(slot);
  const bool is_dead = member.standing == Standing::kDead;
  // Of a dead one the record goes first: the subject itself may not know how far it had counted.
  if ((is_newer || !is_dead) && reply.records.size() < limits::kMaxSyncRecords) {
    reply.records.push_back(member.record);
  }
  if (is_dead && reply.suspicions.size() < limits::kMaxSyncRecords) {
    reply.suspicions.push_back(shared_.suspect(*member.record));
  }
}

void Reconciler::compare(const SyncEntry& entry, SyncRecords& reply) const {
  const Slot slot = shared_.view.find(entry.prefix);
  const bool is_known = slot != View::kNone;
  const bool is_older = is_known && shared_.view.at(slot).record->incarnation < entry.incarnation;
  const bool is_equal = is_known && shared_.view.at(slot).record->incarnation == entry.incarnation;
  const bool wants = !is_known || is_older || (is_equal && shared_.view.at(slot).is_doubtful);
  if (wants) {
    if (reply.wants.size() < limits::kMaxSyncRecords) reply.wants.push_back(entry.prefix);
  } else if (!is_equal || shared_.view.at(slot).standing == Standing::kDead) {
    push(reply, slot, !is_equal);
  }
}

void Reconciler::on(const NodeId& from, const SyncEntries& message) {
  const bool is_over_long = message.entries.size() > limits::kMaxSyncEntries ||
                            message.groups.size() > limits::kMaxSyncGroups;
  if (is_over_long) {
    shared_.blame(from, "too many entries");
    return;
  }
  SyncRecords reply;
  std::vector<std::uint64_t> theirs;
  theirs.reserve(message.entries.size());
  for (const SyncEntry& entry : message.entries) {
    theirs.push_back(entry.prefix);
    compare(entry, reply);
  }
  std::sort(theirs.begin(), theirs.end());
  for (const SyncBuckets& group : message.groups) {
    if (!shared_.interest.has(group.group)) continue;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if ((group.buckets >> i & 1) == 0) continue;
      for (const Slot slot : shared_.view.bucket(group.group, i)) {
        const std::uint64_t prefix = shared_.view.at(slot).prefix;
        if (!std::binary_search(theirs.begin(), theirs.end(), prefix)) push(reply, slot, true);
      }
    }
  }
  is_unfinished_ = is_unfinished_ || reply.wants.size() == limits::kMaxSyncRecords ||
                   reply.records.size() == limits::kMaxSyncRecords ||
                   reply.suspicions.size() == limits::kMaxSyncRecords;
  const bool is_empty = reply.wants.empty() && reply.records.empty() && reply.suspicions.empty();
  if (!is_empty) shared_.send(from, std::move(reply));
}

void Reconciler::answer(const NodeId& from, const SyncRecords& message) {
  SyncRecords reply;
  for (const std::uint64_t prefix : message.wants) {
    const Slot slot = shared_.view.find(prefix);
    if (slot != View::kNone) push(reply, slot, true);
  }
  for (const RecordPtr& record : message.records) {
    const Slot slot = shared_.view.find(record->id);
    if (slot == View::kNone || shared_.view.at(slot).is_present()) continue;
    // What is equal and not dead was said already: to answer it would go on for ever.
    const View::Member& member = shared_.view.at(slot);
    const bool is_dead = member.standing == Standing::kDead;
    const bool is_newer = member.record->incarnation > record->incarnation;
    if (is_newer || (is_dead && member.record->incarnation == record->incarnation)) {
      push(reply, slot, is_newer);
    }
  }
  if (!reply.records.empty() || !reply.suspicions.empty()) shared_.send(from, std::move(reply));
}

}  // namespace brigade::swarm::membership

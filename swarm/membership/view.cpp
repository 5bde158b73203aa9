#include "swarm/membership/view.hpp"

#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm::membership {
namespace {

constexpr std::size_t kFirstTable = 16;

std::uint64_t sum_of(const NodeRecord& record, std::uint64_t prefix) {
  return mix_seed(prefix, record.incarnation.value());
}

bool is_serving(const NodeRecord& record) {
  return record.doing == Doing::kServing || record.doing == Doing::kMoving;
}

std::uint64_t hourly(const NodeRecord& record) {
  constexpr std::int64_t kHour = Duration(std::chrono::hours{1}).count();
  if (!is_serving(record) || record.pace <= Duration{0}) return 0;
  return static_cast<std::uint64_t>(kHour / record.pace.count());
}

}  // namespace

const char* to_string(Standing standing) {
  switch (standing) {
    case Standing::kAlive:
      return "alive";
    case Standing::kSuspected:
      return "suspected";
    case Standing::kDead:
      return "dead";
    case Standing::kGone:
      break;
  }
  return "gone";
}

View::Slot View::find(std::uint64_t prefix) const {
  if (table_.empty()) return kNone;
  for (std::size_t i = home(prefix); table_[i] != kNone; i = (i + 1) & (table_.size() - 1)) {
    if (members_[table_[i]].prefix == prefix) return table_[i];
  }
  return kNone;
}

View::Slot View::find(const NodeId& id) const {
  const Slot slot = find(prefix_of(id));
  return slot != kNone && members_[slot].record->id == id ? slot : kNone;
}

const View::Member* View::present(const NodeId& id) const {
  const Slot slot = find(id);
  return slot != kNone && members_[slot].is_present() ? &members_[slot] : nullptr;
}

View::Slot View::insert(TimePoint now, RecordPtr record) {
  const std::uint64_t prefix = prefix_of(record->id);
  if (index_used_ >= limits::kMaxMembers || find(prefix) != kNone) return kNone;
  Slot slot = static_cast<Slot>(members_.size());
  if (free_.empty()) {
    members_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Member& member = members_[slot];
  member = Member{};
  member.prefix = prefix;
  member.changed = now;
  member.group = group_of(*record, static_cast<std::uint32_t>(groups_.size()));
  member.record = std::move(record);
  index(slot);
  enter(slot);
  return slot;
}

void View::replace(Slot slot, RecordPtr record) {
  leave(slot);
  Member& member = members_[slot];
  member.group = group_of(*record, static_cast<std::uint32_t>(groups_.size()));
  member.record = std::move(record);
  enter(slot);
}

void View::set_standing(TimePoint now, Slot slot, Standing standing, Random& random) {
  Member& member = members_[slot];
  member.changed = now;
  const bool moves = member.is_present() != (standing <= Standing::kSuspected);
  if (!moves) {
    member.standing = standing;
    return;
  }
  leave(slot);
  member.standing = standing;
  if (!member.is_present() && vanished_.size() >= limits::kMaxRemembered) {
    erase(vanished_[random.below(vanished_.size())]);
  }
  enter(slot);
}

void View::erase(Slot slot) {
  leave(slot);
  unindex(slot);
  members_[slot].record = nullptr;
  free_.push_back(slot);
}

View::Counts View::counts(StageIndex group) const {
  const Group* found = groups_[group.value()].get();
  return found ? found->counts : Counts{};
}

std::array<std::uint64_t, kBuckets> View::sums(StageIndex group) const {
  const Group* found = groups_[group.value()].get();
  return found ? found->sums : std::array<std::uint64_t, kBuckets>{};
}

std::span<const View::Slot> View::bucket(StageIndex group, std::size_t bucket) const {
  const Group* found = groups_[group.value()].get();
  return found ? std::span<const Slot>(found->buckets[bucket]) : std::span<const Slot>{};
}

View::Slot View::random_present(StageIndex group, Random& random) const {
  const Group* found = groups_[group.value()].get();
  if (!found || found->counts.members == 0) return kNone;
  std::uint64_t left = random.below(found->counts.members);
  for (const auto& bucket : found->buckets) {
    if (left < bucket.size()) return bucket[left];
    left -= bucket.size();
  }
  return kNone;
}

void View::list(StageIndex group, std::vector<Slot>& out) const {
  const Group* found = groups_[group.value()].get();
  if (!found) return;
  for (const auto& bucket : found->buckets) out.insert(out.end(), bucket.begin(), bucket.end());
}

void View::enter(Slot slot) {
  Member& member = members_[slot];
  if (!member.is_present()) {
    member.place = static_cast<Slot>(vanished_.size());
    vanished_.push_back(slot);
    return;
  }
  auto& group = groups_[member.group.value()];
  if (!group) group = std::make_unique<Group>();
  auto& bucket = group->buckets[bucket_of(member.prefix)];
  member.place = static_cast<Slot>(bucket.size());
  bucket.push_back(slot);
  count(member, true);
}

void View::leave(Slot slot) {
  Member& member = members_[slot];
  auto& list = member.is_present()
                   ? groups_[member.group.value()]->buckets[bucket_of(member.prefix)]
                   : vanished_;
  BRIGADE_CHECK(list[member.place] == slot);
  list[member.place] = list.back();
  members_[list.back()].place = member.place;
  list.pop_back();
  if (member.is_present()) count(member, false);
  member.place = kNone;
}

void View::count(const Member& member, bool is_added) {
  Group& group = *groups_[member.group.value()];
  const std::uint32_t serving = is_serving(*member.record) ? 1 : 0;
  const std::uint32_t dialable = member.record->can_be_dialled ? 1 : 0;
  const std::uint64_t rate = hourly(*member.record);
  const std::uint64_t sum = sum_of(*member.record, member.prefix);
  if (is_added) {
    group.sums[bucket_of(member.prefix)] += sum;
    ++group.counts.members;
    group.counts.serving += serving;
    group.counts.microbatches_hour += rate;
    ++present_;
    dialable_ += dialable;
  } else {
    group.sums[bucket_of(member.prefix)] -= sum;
    --group.counts.members;
    group.counts.serving -= serving;
    group.counts.microbatches_hour -= rate;
    --present_;
    dialable_ -= dialable;
  }
}

void View::index(Slot slot) {
  if (2 * (index_used_ + 1) > table_.size()) {
    std::vector<Slot> old(table_.empty() ? kFirstTable : 2 * table_.size(), kNone);
    old.swap(table_);
    for (const Slot moved : old) {
      if (moved == kNone) continue;
      std::size_t i = home(members_[moved].prefix);
      while (table_[i] != kNone) i = (i + 1) & (table_.size() - 1);
      table_[i] = moved;
    }
  }
  std::size_t i = home(members_[slot].prefix);
  while (table_[i] != kNone) i = (i + 1) & (table_.size() - 1);
  table_[i] = slot;
  ++index_used_;
}

void View::unindex(Slot slot) {
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = home(members_[slot].prefix);
  while (table_[hole] != slot) hole = (hole + 1) & mask;
  // Closes the hole with whoever was pushed past it, so that look-ups need no tombstones.
  for (std::size_t i = (hole + 1) & mask; table_[i] != kNone; i = (i + 1) & mask) {
    const std::size_t wanted = home(members_[table_[i]].prefix);
    if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
    table_[hole] = table_[i];
    hole = i;
  }
  table_[hole] = kNone;
  --index_used_;
}

}  // namespace brigade::swarm::membership

#include "swarm/ledger.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

constexpr std::size_t index_of(Life life) {
  return static_cast<std::size_t>(life);
}

/// The edges of the drawing in the header; for evaluation, whose result needs no backward, also
/// from forwarding or forwarded straight to applied.
bool is_step(Life from, Life to, bool is_train) {
  switch (from) {
    case Life::kForwardQueued:
      return to == Life::kForwarding || to == Life::kBackwardQueued ||
             (!is_train && to == Life::kApplied);
    case Life::kForwarding:
      return to == Life::kForwarded || to == Life::kBackwardQueued ||
             (!is_train && to == Life::kApplied);
    case Life::kForwarded:
      return to == Life::kForwardQueued || to == Life::kBackwardQueued ||
             (!is_train && to == Life::kApplied);
    case Life::kBackwardQueued:
      return to == Life::kBackwarding;
    case Life::kBackwarding:
      return to == Life::kApplied || to == Life::kForwarded;
    case Life::kApplied:
      return false;
  }
  return false;
}

}  // namespace

std::uint32_t& Ledger::count(const Entry& entry) {
  return lives_[static_cast<std::size_t>(entry.id.kind)][index_of(entry.life)];
}

Ledger::Lookup Ledger::look_up(const MicrobatchId& id) const {
  if (const auto it = index_.find(id); it != index_.end()) return {Standing::kOpen, it->second};
  if (index_.size() >= limits::kMaxInFlight + limits::kMaxKeptGradients) {
    return {Standing::kRefused, 0};
  }
  if (id.kind == MicrobatchId::Kind::kEval) return {Standing::kUnknown, 0};
  const AppliedSet& set = applied(id.head);
  if (set.contains(id.sequence)) return {Standing::kApplied, 0};
  const bool is_full = in_flight() >= limits::kMaxInFlight || !set.has_room_for(id.sequence) ||
                       lives_[0][index_of(Life::kApplied)] >= limits::kMaxKeptGradients;
  return {is_full ? Standing::kRefused : Standing::kUnknown, 0};
}

Slot Ledger::open(const MicrobatchId& id, const Group& group) {
  if (free_.empty()) {
    free_.push_back(static_cast<Slot>(entries_.size()));
    entries_.emplace_back();
  }
  const Slot slot = free_.back();
  free_.pop_back();
  const bool is_new = index_.emplace(id, slot).second;
  BRIGADE_CHECK(is_new, "opened twice: " + to_string(id));
  Entry& entry = entries_[slot];
  entry = Entry{};
  entry.id = id;
  entry.group = group;
  entry.is_open = true;
  ++count(entry);
  if (entry.is_train()) ++drawn_;
  check_conserved();
  return slot;
}

Slot Ledger::open_applied(const MicrobatchId& id) {
  const Slot slot = open(id, Group{id.sequence, 1});
  Entry& entry = entries_[slot];
  --count(entry);
  --drawn_;
  entry.life = Life::kApplied;
  ++count(entry);
  note_applied(id);
  check_conserved();
  return slot;
}

void Ledger::move(Slot slot, Life to) {
  Entry& entry = entries_[slot];
  BRIGADE_CHECK(entry.is_open && is_step(entry.life, to, entry.is_train()),
                to_string(entry.id) + " from life " + std::to_string(index_of(entry.life)) +
                    " to " + std::to_string(index_of(to)));
  --count(entry);
  entry.life = to;
  ++count(entry);
  if (entry.is_train() && to == Life::kApplied) {
    note_applied(entry.id);
    ++applied_;
  }
  check_conserved();
}

void Ledger::note_applied(const MicrobatchId& id) {
  AppliedSet& set = account(id.head);
  if (!set.has_room_for(id.sequence)) {  // its account was given up for others' and begins anew
    Sequence lowest = id.sequence;
    for (const Entry& entry : entries_) {
      if (entry.is_open && entry.is_train() && entry.id.head == id.head)
        lowest = std::min(lowest, entry.id.sequence);
    }
    set.settle_below(lowest);
  }
  if (set.has_room_for(id.sequence) && !set.contains(id.sequence)) set.insert(id.sequence);
}

void Ledger::forget(Slot slot) {
  const Entry& entry = entries_[slot];
  BRIGADE_CHECK(entry.is_open && entry.life != Life::kApplied, to_string(entry.id));
  if (entry.is_train()) {
    --drawn_;
    ++handed_back_;
  }
  free_slot(slot);
  check_conserved();
}

void Ledger::note_closed(const MicrobatchId& id) {
  AppliedSet& set = account(id.head);
  if (set.has_room_for(id.sequence) && !set.contains(id.sequence)) set.insert(id.sequence);
}

void Ledger::close(Slot slot) {
  BRIGADE_CHECK(entries_[slot].is_open && entries_[slot].life == Life::kApplied,
                to_string(entries_[slot].id));
  free_slot(slot);
}

void Ledger::free_slot(Slot slot) {
  Entry& entry = entries_[slot];
  --count(entry);
  index_.erase(entry.id);
  entry.is_open = false;
  entry.hop = Hop{};
  free_.push_back(slot);
}

void Ledger::restart() {
  index_.clear();
  heads_.clear();
  lives_ = {};
  drawn_ = applied_ = handed_back_ = 0;
  free_.clear();
  for (Slot slot = static_cast<Slot>(entries_.size()); slot-- > 0;) {
    entries_[slot] = Entry{};
    free_.push_back(slot);
  }
}

const AppliedSet& Ledger::applied(HeadIndex head) const {
  static const AppliedSet kNothing;
  const auto known = heads_.find(head);
  return known == heads_.end() ? kNothing : known->second.applied;
}

AppliedSet& Ledger::account(HeadIndex head) {
  const auto known = heads_.find(head);
  if (known != heads_.end()) {
    known->second.used = ++uses_;
    return known->second.applied;
  }
  // Only replicas get there, whose heads are as many as starts of head nodes.
  if (heads_.size() >= limits::kMaxHeadsInSwarm) give_up_account();
  return heads_.emplace(head, HeadAccount{AppliedSet(most_ahead_), ++uses_}).first->second.applied;
}

/// The one that was used least lately; not of a head of which something is here.
void Ledger::give_up_account() {
  std::set<HeadIndex> open;
  for (const Entry& entry : entries_)
    if (entry.is_open && entry.is_train()) open.insert(entry.id.head);
  auto oldest = heads_.end();
  for (auto known = heads_.begin(); known != heads_.end(); ++known) {
    const bool is_older = oldest == heads_.end() || known->second.used < oldest->second.used;
    if (!open.contains(known->first) && is_older) oldest = known;
  }
  if (oldest != heads_.end()) heads_.erase(oldest);
}

std::vector<Sequence> Ledger::applied_from(Sequence first) const {
  std::vector<Sequence> all;
  for (const auto& [head, known] : heads_) {
    const std::vector<Sequence> some = known.applied.from(first);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::vector<Kept::Range> Ledger::closed() const {
  using Account = std::pair<HeadIndex, const HeadAccount*>;
  std::vector<Account> accounts;
  for (const auto& [head, account] : heads_) accounts.emplace_back(head, &account);
  std::ranges::sort(accounts, std::ranges::greater{},
                    [](const Account& one) { return one.second->used; });
  std::vector<Kept::Range> ranges;
  for (const auto& [head, account] : accounts) {
    ranges.push_back({head, Sequence{0}, account->applied.watermark()});
    for (const Sequence sequence : account->applied.from(account->applied.watermark())) {
      if (ranges.back().end != sequence) ranges.push_back({head, sequence, sequence});
      ranges.back().end = sequence.next();
    }
  }
  return ranges;
}

std::uint64_t Ledger::watermark() const {
  std::uint64_t sum = 0;
  for (const auto& [head, known] : heads_) sum += known.applied.watermark().value();
  return sum;
}

std::uint32_t Ledger::in_flight() const {
  std::uint32_t sum = 0;
  for (std::size_t life = 0; life < index_of(Life::kApplied); ++life) sum += lives_[0][life];
  return sum;
}

Ledger::Counts Ledger::counts() const {
  Counts counts;
  counts.drawn = drawn_;
  counts.applied = applied_;
  counts.in_flight = in_flight();
  for (const Life life : {Life::kBackwardQueued, Life::kBackwarding})
    counts.waiting_gradients += lives_[0][index_of(life)];
  counts.forwarded = lives_[0][index_of(Life::kForwarded)] + counts.waiting_gradients;
  counts.kept_gradients = lives_[0][index_of(Life::kApplied)];
  for (const std::uint32_t number : lives_[1]) counts.evaluations += number;
  return counts;
}

void Ledger::check_conserved() const {
  BRIGADE_CHECK(drawn_ == applied_ + in_flight(), "drawn " + std::to_string(drawn_) + ", applied " +
                                                      std::to_string(applied_) + ", in flight " +
                                                      std::to_string(in_flight()));
}

}  // namespace brigade::swarm

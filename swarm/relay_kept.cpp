// What the relay keeps of what is applied: until its head has closed it, and over a restart.
#include <algorithm>

#include "base/limits.hpp"
#include "swarm/relay.hpp"

namespace brigade::swarm {

// ---- over a restart -----------------------------------------------------------------------------

void Relay::take_over(TimePoint now, const Kept& kept) {
  restored_.take_over(now + shared_.options.forget_after, kept, shared_.actions);
}

Kept Relay::kept() const {
  Kept kept;
  for (const Entry& entry : shared_.ledger.entries()) {
    const bool is_kept = entry.is_open && entry.is_train() && entry.life == Life::kApplied &&
                         !entry.outgoing.is_empty();
    if (is_kept) kept.gradients.push_back({entry.id, entry.loss, entry.outgoing});
  }
  for (const MicrobatchId& id : spent_) kept.gradients.push_back({id, {}, {}});
  if (shared_.is_head()) kept.closed = shared_.ledger.closed();
  restored_.add_to(kept);
  constexpr std::size_t kMost = limits::kMaxKeptOverRestart;
  kept.gradients.resize(std::min(kept.gradients.size(), kMost));
  kept.closed.resize(std::min(kept.closed.size(), kMost));
  return kept;
}

Ledger::Lookup Relay::look_up(TimePoint now, const MicrobatchId& id, const Path& path) {
  const Ledger::Lookup known = shared_.ledger.look_up(id);
  if (known.standing != Ledger::Standing::kUnknown) return known;
  if (restored_.is_spent(id)) return {Ledger::Standing::kApplied, 0};
  const auto kept = restored_.take(id);
  if (!kept) return known;
  const Slot slot = shared_.ledger.open_applied(id);
  begin_route(now, slot, path);
  Entry& entry = shared_.ledger[slot];
  entry.loss = kept->loss;
  entry.outgoing = kept->payload;
  return {Ledger::Standing::kOpen, slot};
}

bool Relay::is_spent(const MicrobatchId& id) const {
  return spent_.contains(id) || restored_.is_spent(id);
}

// ---- until it is closed -------------------------------------------------------------------------

void Relay::note_floor(TimePoint now, HeadIndex head, Sequence floor) {
  if (floors_.size() >= limits::kMaxHeadsInSwarm && !floors_.contains(head)) {
    floors_.erase(
        std::ranges::min_element(floors_, {}, [](const auto& one) { return one.second.at; }));
  }
  const auto [known, is_new] = floors_.try_emplace(head, HeardFloor{floor, now});
  if (is_new) return settle_floor(head, floor);
  known->second.floor = std::max(known->second.floor, floor);
  known->second.at = now;
}

void Relay::settle_floors(TimePoint now) {
  restored_.expire(now, shared_.actions);
  for (const auto& [head, heard] : floors_) settle_floor(head, heard.floor);
}

void Relay::settle(Slot slot, const char* reason) {
  const MicrobatchId id = shared_.ledger[slot].id;
  const bool is_applied = shared_.ledger[slot].life == Life::kApplied;
  if (is_applied && !routes_[slot].is_abandoned) return close(slot);
  drop(slot, /*is_written_off=*/false, reason);
  shared_.ledger.note_closed(id);
}

void Relay::settle_floor(HeadIndex head, Sequence floor) {
  if (shared_.is_head() && head == shared_.options.head) return;  // it says so itself
  const auto& entries = shared_.ledger.entries();
  Sequence open = floor;
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    const Entry& entry = entries[slot];
    const bool is_closed =
        entry.is_open && entry.is_train() && entry.id.head == head && entry.id.sequence < floor;
    if (!is_closed) continue;
    settle(slot, "closed at its head");
    if (entries[slot].is_open) open = std::min(open, entries[slot].id.sequence);
  }
  shared_.ledger.settle_below(head, open);
  restored_.settle_below(head, open, shared_.actions);
  std::erase_if(spent_, [&](const auto& id) { return id.head == head && id.sequence < open; });
}

}  // namespace brigade::swarm

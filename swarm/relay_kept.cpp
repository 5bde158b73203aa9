// What the relay keeps of what is applied: until its head has closed it, and over a restart.
#include <algorithm>

#include "base/limits.hpp"
#include "swarm/relay.hpp"

namespace brigade::swarm {

// ---- over a restart -----------------------------------------------------------------------------

void Relay::take_over(TimePoint now, const Kept& kept) {
  restored_.take_over(now + shared_.options.forget_after, kept, shared_.actions);
  for (auto& [head, heard] : floors_) heard.is_settled = false;  // heard before this was known
}

Kept Relay::kept() const {
  Kept kept;
  for (const Entry& entry : shared_.ledger.entries()) {
    const bool is_kept = entry.is_open && entry.is_train() && entry.life == Life::kApplied &&
                         !entry.outgoing.is_empty();
    if (is_kept) kept.gradients.push_back({entry.id, entry.loss, entry.outgoing});
  }
  for (const auto& [id, revision] : spent_) kept.gradients.push_back({id, {}, {}});
  if (shared_.is_head()) kept.closed = shared_.ledger.closed();
  restored_.add_to(kept);
  constexpr std::size_t kMost = limits::kMaxKeptOverRestart;
  kept.gradients.resize(std::min(kept.gradients.size(), kMost));
  kept.closed.resize(std::min(kept.closed.size(), kMost));
  return kept;
}

Ledger::Lookup Relay::look_up(TimePoint now, const MicrobatchId& id, const Path& path) {
  const Ledger::Lookup known = shared_.ledger.look_up(id);
  using Standing = Ledger::Standing;
  if (known.standing == Standing::kOpen || known.standing == Standing::kRefused) return known;
  if (restored_.take_spent(id)) spent_.try_emplace(id, path.revision);
  if (const auto spent = spent_.find(id); spent != spent_.end())
    return {path.revision > spent->second ? Standing::kUnknown : Standing::kApplied, 0};
  if (known.standing == Standing::kApplied) return known;
  const auto kept = restored_.take(id);
  if (!kept) return known;
  const Slot slot = shared_.ledger.open_applied(id);
  begin_route(now, slot, path);
  Entry& entry = shared_.ledger[slot];
  entry.loss = kept->loss;
  entry.outgoing = kept->payload;
  return {Standing::kOpen, slot};
}

bool Relay::is_spent(const MicrobatchId& id) const {
  return spent_.contains(id) || restored_.is_spent(id);
}

// ---- until it is closed -------------------------------------------------------------------------

void Relay::note_floor(TimePoint at, HeadIndex head, Sequence floor) {
  if (floors_.size() >= limits::kMaxHeadsInSwarm && !floors_.contains(head)) {
    floors_.erase(
        std::ranges::min_element(floors_, {}, [](const auto& one) { return one.second.at; }));
  }
  const auto [known, is_new] = floors_.try_emplace(head, HeardFloor{floor, at});
  if (is_new) return settle_below_floors(head);
  if (floor > known->second.floor) {
    known->second.floor = floor;
    known->second.is_settled = false;
  }
  known->second.at = std::max(known->second.at, at);
}

void Relay::settle(Slot slot, const char* reason) {
  const MicrobatchId id = shared_.ledger[slot].id;
  const bool is_applied = shared_.ledger[slot].life == Life::kApplied;
  if (is_applied && !routes_[slot].is_abandoned) return close(slot);
  drop(slot, /*is_written_off=*/false, reason);
  shared_.ledger.note_closed(id);
}

void Relay::settle_floors(TimePoint now) {
  restored_.expire(now, shared_.actions);
  settle_below_floors();
}

void Relay::settle_below_floors(std::optional<HeadIndex> only) {
  std::map<HeadIndex, Sequence> held;  // below a floor, and not let go yet: the lowest
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    const Entry& entry = entries[slot];
    if (!entry.is_open || !entry.is_train() || is_own(entry.id.head)) continue;
    if (only && entry.id.head != *only) continue;
    const auto heard = floors_.find(entry.id.head);
    if (heard == floors_.end() || entry.id.sequence >= heard->second.floor) continue;
    const MicrobatchId id = entry.id;
    settle(slot, "closed at its head");
    if (!entries[slot].is_open) continue;
    Sequence& lowest = held.try_emplace(id.head, id.sequence).first->second;
    lowest = std::min(lowest, id.sequence);
  }
  const auto settled = [&](HeadIndex head) {  // everything below
    const auto lowest = held.find(head);
    if (lowest != held.end()) return lowest->second;
    const auto heard = floors_.find(head);
    return heard == floors_.end() || is_own(head) ? Sequence{} : heard->second.floor;
  };
  for (auto& [head, heard] : floors_) {
    if (is_own(head) || (only && head != *only)) continue;
    const bool has_account = shared_.ledger.watermark(head) >= heard.floor;  // else given up
    if (heard.is_settled && has_account) continue;
    shared_.ledger.settle_below(head, settled(head));
    restored_.settle_below(head, settled(head), shared_.actions);
    heard.is_settled = !held.contains(head);
  }
  std::erase_if(spent_, [&](const auto& one) {
    const auto& [id, revision] = one;
    return (!only || id.head == *only) && id.sequence < settled(id.head);
  });
}

}  // namespace brigade::swarm

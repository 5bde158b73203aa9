#include "swarm/herald.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm {

NodeBeacon Herald::about(const Self& self, Offer offer) const {
  NodeBeacon beacon;
  beacon.is_ready = self.is_ready;
  beacon.is_draining = self.is_draining;
  beacon.is_leaving = self.is_leaving;
  beacon.every = every_;
  beacon.offer = std::move(offer);
  return beacon;
}

void Herald::tell_if_due(TimePoint now, const Self& self, bool may_have_moved) {
  const bool is_due = is_time(now);
  if (!is_due && !has_news_ && !may_have_moved) return;
  Offer offer = relay_.offer(now);
  const bool has_path = !offer.path.empty();
  if (std::exchange(had_path_, has_path) != has_path) has_news_ = true;
  if (is_due) {
    const bool has_pace = self.pace > Duration::zero();
    every_ = beacon_interval_of(shared_.options, has_pace ? self.pace : 2 * every_);
    next_ = now + every_;
    urgent_ = 0;
  }
  if (!is_due && (!has_news_ || ++urgent_ > kMostUrgent)) return;
  has_news_ = false;
  note_given();
  const NodeBeacon beacon = about(self, std::move(offer));
  for (const auto& [node, peer] : peers_.peers()) {
    if (peer.is_linked) send(now, peer, beacon);
  }
}

void Herald::tell(TimePoint now, const NodeId& to, const Self& self) {
  note_given();
  if (const PeerBook::Peer* peer = peers_.find(to))
    send(now, *peer, about(self, relay_.offer(now)));
}

void Herald::send(TimePoint now, const PeerBook::Peer& to, NodeBeacon beacon) {
  peers_.fill(now, to, beacon);
  if (to.stage.next() != shared_.options.stage) beacon.offer.path.clear();
  if (to.stage == shared_.options.stage.next()) add_floors(now, to.holder, beacon.floors);
  shared_.actions.push(Send{to.holder.node, std::move(beacon)});
}

void Herald::note_given() {
  given_.clear();
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size() && !shared_.is_tail(); ++slot) {
    if (!entries[slot].is_open || !entries[slot].is_train()) continue;
    const std::uint64_t instance = relay_.holder_after(slot).instance;
    given_.emplace_back(instance, entries[slot].id.head);
    if (relay_.is_adopted(slot)) {
      given_.emplace_back(instance, HeadIndex{relay_.route(slot).path.holders.front().instance});
    }
  }
  std::ranges::sort(given_);
  given_.erase(std::ranges::unique(given_).begin(), given_.end());

  in_turn_.clear();
  const auto& floors = relay_.floors();
  auto next = floors.upper_bound(turn_);
  for (std::size_t i = 0; i < std::min(kFloorsInTurn, floors.size()); ++i, ++next) {
    if (next == floors.end()) next = floors.begin();
    in_turn_.push_back(next->first);
    turn_ = next->first;
  }
}

void Herald::add_floors(TimePoint now, const Holder& to,
                        std::vector<NodeBeacon::Floor>& floors) const {
  const HeadIndex own = shared_.options.head;
  if (shared_.is_head()) floors.push_back({own, shared_.ledger.watermark(own)});
  const auto first =
      std::ranges::lower_bound(given_, to.instance, {}, [](const auto& one) { return one.first; });
  for (auto one = first; one != given_.end() && one->first == to.instance; ++one) {
    if (floors.size() + kFloorsInTurn < limits::kMaxFloorsTold) add_floor(now, one->second, floors);
  }
  for (const HeadIndex head : in_turn_) add_floor(now, head, floors);
}

void Herald::add_floor(TimePoint now, HeadIndex head,
                       std::vector<NodeBeacon::Floor>& floors) const {
  if (shared_.is_head() && head == shared_.options.head) return;
  const auto heard = relay_.floors().find(head);
  if (heard == relay_.floors().end() || floors.size() == limits::kMaxFloorsTold) return;
  const Duration age = now - heard->second.at;
  if (age > kFloorLasts * shared_.options.forget_after) return;  // nobody has it any more
  floors.push_back({head, heard->second.floor, std::max(age, Duration::zero())});
}

}  // namespace brigade::swarm

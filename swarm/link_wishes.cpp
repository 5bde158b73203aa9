#include "swarm/link_wishes.hpp"

#include <utility>

namespace brigade::swarm {

void LinkWishes::update() {
  std::set<NodeId> wanted;
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    if (!entries[slot].is_open || relay_.route(slot).is_abandoned) continue;
    const bool is_applied = entries[slot].life == Life::kApplied;
    if (!shared_.is_head()) look_at(relay_.holder_before(slot), wanted);
    if (!shared_.is_tail() && !is_applied) look_at(relay_.holder_after(slot), wanted);
    if (relay_.route(slot).adopter != Holder{}) look_at(relay_.route(slot).adopter, wanted);
  }
  for (const NodeId& node : wanted) {
    if (!wanted_.contains(node)) shared_.actions.push(LinkWanted{node, true});
  }
  for (const NodeId& node : wanted_) {
    if (!wanted.contains(node)) shared_.actions.push(LinkWanted{node, false});
  }
  wanted_ = std::move(wanted);
}

void LinkWishes::look_at(const Holder& holder, std::set<NodeId>& wanted) const {
  if (wanted.size() >= kMostWanted || peers_.is_gone(holder)) return;
  const PeerBook::Peer* peer = peers_.find(holder.node);
  const bool is_linked = peer != nullptr && peer->is_linked;
  if (!is_linked || wanted_.contains(holder.node)) wanted.insert(holder.node);
}

}  // namespace brigade::swarm

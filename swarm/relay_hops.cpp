// The hops of the relay: what is sent, asked and repeated, and when; and what a new path changes.
#include <algorithm>

#include "swarm/relay.hpp"

namespace brigade::swarm {
void Relay::recount(TimePoint now) {
  if (shared_.is_tail()) return;
  std::map<std::uint64_t, std::uint32_t> held;
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    const bool is_expected = entries[slot].is_open && !entries[slot].has_answer &&
                             entries[slot].life != Life::kApplied && !routes_[slot].is_abandoned;
    if (is_expected) ++held[holder_after(slot).instance];
  }
  finder_.set_held(now, held);
}

bool Relay::may_hold_next(Slot slot) const {
  const Route& route = routes_[slot];
  return route.is_sent || route.path.given > after().value();
}

std::uint32_t Relay::suspended() const {
  std::uint32_t sum = 0;
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    if (entries[slot].is_open && entries[slot].is_train() && routes_[slot].is_suspended) ++sum;
  }
  return sum;
}

const Holder& Relay::target(Slot slot) const {
  const bool is_forward = shared_.ledger.entries()[slot].direction() == Direction::kForward;
  return is_forward ? holder_after(slot) : holder_before(slot);
}

void Relay::redirect(TimePoint now, Slot slot, const Path& path) {
  Route& route = routes_[slot];
  if (path.revision <= route.path.revision) return;
  Entry& entry = shared_.ledger[slot];
  const Path old = std::exchange(route.path, path);
  route.is_replanning = route.is_refused = route.is_spent = false;
  route.disowned_at = kNever;
  route.patience = 0;
  if (entry.direction() == Direction::kBackward) {
    if (old.at(before()) == holder_before(slot) || !entry.hop.is_active()) return;
    entry.hop.state = Hop::State::kSent;  // the new one asks for it, once it has its input
    entry.hop.patience = 0;
    return wait(slot, now + pauses_.for_receipt(0));
  }
  if (shared_.is_tail()) return;
  const bool has_new_next = old.at(after()) != holder_after(slot);
  if (has_new_next) {
    finder_.on_taken_back(old.at(after()));
    route.is_sent = route.was_held = route.is_missing = route.is_refused = false;
    route.is_told = false;
    entry.hop.patience = 0;
    finder_.on_used(now, holder_after(slot));
  }
  if (!entry.hop.is_active()) return;  // what the engine makes goes on the new path
  if (!has_new_next || may_hold_next(slot)) {
    entry.hop.state = Hop::State::kAsked;
    return ask(now, slot);
  }
  entry.hop.state = Hop::State::kPaused;
  repeat(now, slot, "it has a new holder");
}

bool Relay::is_adopted(Slot slot) const {
  return shared_.ledger.entries()[slot].id.head.value() !=
         routes_[slot].path.holders.front().instance;
}

void Relay::resume(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  if (!entry.hop.is_active() || routes_[slot].is_replanning) return;
  entry.hop.patience = 0;
  wait(slot, now);
}

void Relay::pass_on(TimePoint now, Slot slot) {
  Hop& hop = shared_.ledger[slot].hop;
  const bool is_forward = shared_.ledger[slot].direction() == Direction::kForward;
  if (!hop.is_active() || !is_forward || routes_[slot].is_refused) return;
  hop.state = Hop::State::kAsked;
  ask(now, slot);
}

void Relay::wait(Slot slot, TimePoint due) {
  shared_.ledger[slot].hop.due = due;
  timers_.arm(slot, due);
}

void Relay::settle_hop(Slot slot) {
  Entry& entry = shared_.ledger[slot];
  shared_.actions.release(entry.outgoing);
  entry.hop.state = Hop::State::kIdle;
  entry.hop.due = kNever;
}

void Relay::transmit(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  Route& route = routes_[slot];
  Hop& hop = entry.hop;
  const bool is_forward = entry.direction() == Direction::kForward;
  const Holder& to = target(slot);
  hop.state = Hop::State::kSent;
  const bool may_send = peers_.is_live(to) && !(is_forward && route.is_replanning);
  if (!may_send) {
    has_trouble_ = true;  // the mender sees to it
    return wait(slot, kNever);
  }
  hop.to = to.node;
  hop.attempt = hop.attempt.next();
  if (is_forward) {
    route.is_sent = true;
    route.is_missing = route.is_refused = false;
    Path path = route.path;
    path.given = std::max(path.given, after().value() + 1);
    shared_.actions.push(
        Send{hop.to, Forward{entry.id, hop.attempt, entry.group, entry.outgoing, std::move(path)}});
  } else {
    shared_.actions.push(
        Send{hop.to, Backward{entry.id, hop.attempt, entry.loss, shared_.load, entry.outgoing}});
  }
  wait(slot, now + pauses_.for_receipt(hop.patience));
  grow(hop.patience);
}

void Relay::repeat(TimePoint now, Slot slot, const char* reason) {
  Entry& entry = shared_.ledger[slot];
  const TimePoint allowed = throttle_.take(now);
  if (allowed > now) {
    entry.hop.state = Hop::State::kPaused;
    return wait(slot, allowed);
  }
  ++repeats_;
  shared_.actions.push(Repeated{entry.id, entry.direction(), entry.hop.attempt.next(), reason});
  const bool is_forward = entry.direction() == Direction::kForward;
  if (!is_forward || !entry.outgoing.is_empty()) return transmit(now, slot);
  entry.hop.state = Hop::State::kIdle;  // the activation is gone: made again from the input
  entry.hop.due = kNever;
  shared_.ledger.move(slot, Life::kForwardQueued);
  shared_.tasks.push_forward(slot, entry);
}

void Relay::ask(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  const Holder& to = target(slot);
  if (!peers_.is_live(to)) {
    has_trouble_ = true;
    return wait(slot, kNever);
  }
  Hop& hop = entry.hop;
  hop.to = to.node;
  if (hop.attempt == Attempt{}) hop.attempt = Attempt{1};
  Query query{entry.id, entry.direction(), hop.attempt};
  if (query.direction == Direction::kForward) query.path = routes_[slot].path;
  shared_.actions.push(Send{hop.to, std::move(query)});
  if (hop.state == Hop::State::kHeld) {
    grow(hop.patience);
    return wait(slot, now + pauses_.for_gradient(hop.patience));
  }
  hop.state = Hop::State::kAsked;
  wait(slot, now + pauses_.for_receipt(hop.patience));
  grow(hop.patience);
}

void Relay::on_time(TimePoint now) {
  Slot slot = 0;
  while (timers_.pop(now, slot)) {
    const Entry& entry = shared_.ledger[slot];
    if (!entry.is_open || !entry.hop.is_active() || routes_[slot].is_abandoned) continue;
    const bool is_forward = entry.direction() == Direction::kForward;
    if (entry.hop.due > now) {
      timers_.arm(slot, entry.hop.due);
    } else if (is_forward && routes_[slot].is_replanning) {
      wait(slot, kNever);
    } else if (entry.hop.attempt == Attempt{} && !(is_forward && may_hold_next(slot))) {
      transmit(now, slot);
    } else if (entry.hop.state == Hop::State::kPaused) {
      repeat(now, slot, "it was refused or put off before");
    } else {
      ask(now, slot);
    }
  }
}

}  // namespace brigade::swarm

#include "swarm/exchange.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

using Kind = Receipt::Kind;
using Standing = Ledger::Standing;

}  // namespace

Exchange::Exchange(Shared& shared, Evaluation& evaluation)
    : shared_(shared),
      evaluation_(evaluation),
      pauses_(shared.options),
      throttle_(shared.options.receipt_deadline) {}

bool Exchange::is_from_before(const NodeId& peer) const {
  return !shared_.is_head() && shared_.router.is_peer_of(peer, before());
}

bool Exchange::is_from_after(const NodeId& peer) const {
  return !shared_.is_tail() && shared_.router.is_peer_of(peer, after());
}

void Exchange::blame(const NodeId& peer, const char* what) {
  shared_.actions.push(Misbehaved{peer, what});
}

void Exchange::discard(const Payload& payload) {
  if (!payload.is_empty()) shared_.actions.push(Release{payload.id});
}

void Exchange::answer(const NodeId& to, const MicrobatchId& id, Direction direction,
                      Attempt attempt, Kind kind) {
  shared_.actions.push(Send{to, Receipt{id, direction, attempt, kind}});
}

// ---- from the stage before ----------------------------------------------------------------------

const char* Exchange::fault_of(const Forward& message) const {
  const bool is_train = message.id.kind == MicrobatchId::Kind::kTrain;
  if (message.payload.is_empty()) return "an activation without bytes";
  if (message.id.head.value() >= limits::kMaxHeadsInSwarm) return "a head that can't be";
  const auto& final_count = shared_.epoch.final_count;
  if (is_train && final_count && message.id.sequence.value() >= *final_count) {
    return "a micro-batch beyond the last one";
  }
  return nullptr;
}

void Exchange::on(TimePoint now, const NodeId& from, const Forward& message) {
  if (!is_from_before(from)) {
    blame(from, "an activation from a peer that is not the stage before");
    return discard(message.payload);
  }
  if (message.id.epoch != shared_.epoch.epoch || is_finished_) {
    ++strays_;
    return discard(message.payload);
  }
  if (const char* fault = fault_of(message)) {
    blame(from, fault);
    return discard(message.payload);
  }
  const auto [standing, slot] = shared_.ledger.look_up(message.id);
  if (standing == Standing::kUnknown) return accept(from, message);
  discard(message.payload);
  const bool is_refused = standing == Standing::kRefused;
  answer(from, message.id, Direction::kForward, message.attempt,
         is_refused ? Kind::kBusy : Kind::kReceived);
  if (is_refused) return;
  ++duplicates_;
  if (standing != Standing::kOpen) return;
  Entry& entry = shared_.ledger[slot];
  entry.input_attempt = std::max(entry.input_attempt, message.attempt);
  if (entry.life == Life::kApplied) repeat(now, slot, "the stage before asks for the gradient");
}

void Exchange::accept(const NodeId& from, const Forward& message) {
  const bool is_train = message.id.kind == MicrobatchId::Kind::kTrain;
  if (is_train && !shared_.tasks.admit(message.group, message.id.sequence)) {
    blame(from, "a group that contradicts the schedule");
    return discard(message.payload);
  }
  const Slot slot = shared_.ledger.open(message.id, message.group);
  Entry& entry = shared_.ledger[slot];
  entry.input = message.payload;
  entry.input_attempt = message.attempt;
  shared_.tasks.push_forward(slot, entry);
  answer(from, message.id, Direction::kForward, message.attempt, Kind::kReceived);
}

// ---- from the stage after -----------------------------------------------------------------------

void Exchange::on(TimePoint now, const NodeId& from, const Backward& message) {
  if (!is_from_after(from)) {
    blame(from, "a gradient from a peer that is not the stage after");
    return discard(message.payload);
  }
  if (message.id.epoch != shared_.epoch.epoch) {
    ++strays_;
    return discard(message.payload);
  }
  const bool is_train = message.id.kind == MicrobatchId::Kind::kTrain;
  const auto [standing, slot] = shared_.ledger.look_up(message.id);
  if (standing == Standing::kOpen) {
    if (is_train) return on_gradient(from, message, slot);
    return on_result(now, from, message, slot);
  }
  discard(message.payload);
  const bool is_done = !is_train || standing == Standing::kApplied;
  if (is_done) ++duplicates_;
  answer(from, message.id, Direction::kBackward, message.attempt,
         is_done ? Kind::kApplied : Kind::kMissing);
}

void Exchange::on_gradient(const NodeId& from, const Backward& message, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  const bool is_known = entry.has_answer || entry.life == Life::kApplied;
  if (is_known || !entry.was_forwarded || message.payload.is_empty()) {
    discard(message.payload);
    if (!is_known) return blame(from, "a gradient that can't be");
    ++duplicates_;
    entry.gradient_attempt = std::max(entry.gradient_attempt, message.attempt);
    return answer(from, entry.id, Direction::kBackward, message.attempt,
                  entry.life == Life::kApplied ? Kind::kApplied : Kind::kReceived);
  }
  entry.gradient = message.payload;
  entry.gradient_attempt = message.attempt;
  entry.loss = message.loss;
  entry.has_answer = true;
  settle_hop(slot);
  answer(from, entry.id, Direction::kBackward, message.attempt, Kind::kReceived);
  if (entry.life == Life::kForwarding) return;  // again: the engine's answer queues the backward
  if (entry.life == Life::kForwardQueued) shared_.tasks.remove_forward(slot);
  shared_.ledger.move(slot, Life::kBackwardQueued);
  shared_.tasks.push_backward(slot, entry);
}

void Exchange::on_result(TimePoint now, const NodeId& from, const Backward& message, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  discard(message.payload);
  if (!entry.was_forwarded) return blame(from, "a result of what was never sent");
  answer(from, entry.id, Direction::kBackward, message.attempt, Kind::kApplied);
  if (entry.has_answer) {
    ++duplicates_;
    return;
  }
  entry.loss = message.loss;
  entry.has_answer = true;
  settle_hop(slot);
  if (entry.life == Life::kForwarding) return;
  if (entry.life == Life::kForwardQueued) shared_.tasks.remove_forward(slot);
  send_result(now, slot);
}

// ---- receipts and queries -----------------------------------------------------------------------

void Exchange::on(TimePoint now, const NodeId& from, const Receipt& receipt) {
  const auto [standing, slot] = shared_.ledger.look_up(receipt.id);
  if (standing != Standing::kOpen) return;  // late: the matter is closed
  const Entry& entry = shared_.ledger[slot];
  const bool is_believed =
      receipt.direction == entry.direction() && entry.hop.is_answered_by(from, receipt.attempt);
  if (!is_believed) return;
  if (receipt.direction == Direction::kForward) {
    on_forward_receipt(now, slot, receipt.kind);
  } else {
    on_backward_receipt(now, slot, receipt.kind);
  }
}

void Exchange::on_forward_receipt(TimePoint now, Slot slot, Kind kind) {
  Entry& entry = shared_.ledger[slot];
  Hop& hop = entry.hop;
  switch (kind) {
    case Kind::kReceived:
    case Kind::kApplied:
      shared_.actions.release(entry.outgoing);
      if (hop.state != Hop::State::kHeld) hop.patience = 0;
      hop.state = Hop::State::kHeld;
      return wait(slot, now + pauses_.for_gradient(hop.patience));
    case Kind::kMissing:
      hop.state = Hop::State::kPaused;
      return repeat(now, slot, "the stage after lost the activation");
    case Kind::kBusy:
    case Kind::kRejected:
    case Kind::kSpent:
      hop.state = Hop::State::kPaused;
      wait(slot, now + pauses_.for_receipt(hop.patience));
      return grow(hop.patience);
  }
}

void Exchange::on_backward_receipt(TimePoint now, Slot slot, Kind kind) {
  Entry& entry = shared_.ledger[slot];
  Hop& hop = entry.hop;
  switch (kind) {
    case Kind::kApplied:
      settle_hop(slot);
      return shared_.ledger.close(slot);
    case Kind::kReceived:
      if (hop.state != Hop::State::kHeld) hop.patience = 0;
      hop.state = Hop::State::kHeld;
      return wait(slot, now + pauses_.for_gradient(hop.patience));
    case Kind::kMissing:
      if (hop.state != Hop::State::kSent) {
        return repeat(now, slot, "the stage before lost the gradient");
      }
      [[fallthrough]];  // it does not know the micro-batch (yet)
    case Kind::kBusy:
    case Kind::kRejected:
    case Kind::kSpent:
      hop.state = Hop::State::kPaused;
      wait(slot, now + pauses_.for_receipt(hop.patience));
      return grow(hop.patience);
  }
}

void Exchange::on(TimePoint now, const NodeId& from, const Query& query) {
  const bool is_forward = query.direction == Direction::kForward;
  if (is_forward ? !is_from_before(from) : !is_from_after(from)) {
    return blame(from, "a question from a peer that is not a neighbour");
  }
  if (query.id.epoch != shared_.epoch.epoch) {
    ++strays_;
    return;
  }
  const auto [standing, slot] = shared_.ledger.look_up(query.id);
  const bool is_open = standing == Standing::kOpen;
  const bool is_train = query.id.kind == MicrobatchId::Kind::kTrain;
  if (is_open && is_forward && shared_.ledger[slot].life == Life::kApplied) {
    return repeat(now, slot, "the stage before asks for the gradient");
  }
  Kind kind = Kind::kMissing;
  if (is_open) {
    kind = standing_of(query, slot);
  } else if (standing == Standing::kApplied || (!is_train && !is_forward)) {
    kind = is_forward ? Kind::kReceived : Kind::kApplied;
  }
  answer(from, query.id, query.direction, query.attempt, kind);
}

Kind Exchange::standing_of(const Query& query, Slot slot) const {
  const Entry& entry = shared_.ledger.entries()[slot];
  if (query.direction == Direction::kForward) return Kind::kReceived;
  if (entry.life == Life::kApplied) return Kind::kApplied;
  if (!entry.is_train()) return entry.has_answer ? Kind::kApplied : Kind::kMissing;
  return entry.has_answer ? Kind::kReceived : Kind::kMissing;
}

// ---- from the engine ----------------------------------------------------------------------------

void Exchange::send_activation(TimePoint now, Slot slot, const Payload& output) {
  shared_.ledger[slot].outgoing = output;
  transmit(now, slot);
}

void Exchange::send_gradient(TimePoint now, Slot slot, const Payload& gradient) {
  Entry& entry = shared_.ledger[slot];
  BRIGADE_CHECK(entry.life == Life::kApplied, to_string(entry.id));
  shared_.actions.release(entry.input);
  shared_.actions.release(entry.gradient);
  if (!shared_.is_tail()) {
    if (const NodeId* peer = shared_.router.choose(after()).peer) {
      answer(*peer, entry.id, Direction::kBackward, entry.gradient_attempt, Kind::kApplied);
    }
  }
  if (shared_.is_head()) {
    discard(gradient);
    return shared_.ledger.close(slot);
  }
  entry.outgoing = gradient;
  entry.hop = Hop{};
  transmit(now, slot);
}

void Exchange::send_result(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  shared_.actions.release(entry.input);
  shared_.ledger.move(slot, Life::kApplied);
  if (shared_.is_head()) {
    evaluation_.on_result(entry.loss);
    return shared_.ledger.close(slot);
  }
  entry.hop = Hop{};
  transmit(now, slot);
}

void Exchange::reject(TimePoint now, Slot slot, Direction direction, const std::string& why) {
  Entry& entry = shared_.ledger[slot];
  const bool is_forward = direction == Direction::kForward;
  const NodeId* peer = shared_.router.choose(is_forward ? before() : after()).peer;
  const Attempt attempt = is_forward ? entry.input_attempt : entry.gradient_attempt;
  if (peer != nullptr) {
    answer(*peer, entry.id, direction, attempt, Kind::kRejected);
    shared_.actions.push(Misbehaved{*peer, "bytes that make no sense", why});
  }
  if (!is_forward) {  // back to waiting for it
    shared_.actions.release(entry.gradient);
    entry.has_answer = false;
    shared_.ledger.move(slot, Life::kForwarded);
    entry.hop.state = Hop::State::kHeld;
    return wait(slot, now + pauses_.for_gradient(0));
  }
  shared_.actions.release(entry.input);
  settle_hop(slot);
  if (entry.was_forwarded && entry.is_train()) {
    shared_.tasks.on_forgotten();
    shared_.actions.push(Forget{entry.id});
  }
  discard(entry.gradient);
  shared_.ledger.forget(slot);
}

void Exchange::finish() {
  is_finished_ = true;
  for (Slot slot = 0; slot < shared_.ledger.entries().size(); ++slot) {
    const Entry& entry = shared_.ledger[slot];
    if (!entry.is_open || entry.life != Life::kApplied) continue;
    settle_hop(slot);
    shared_.ledger.close(slot);
  }
}

// ---- hops ---------------------------------------------------------------------------------------

void Exchange::wait(Slot slot, TimePoint due) {
  shared_.ledger[slot].hop.due = due;
  timers_.arm(slot, due);
}

void Exchange::settle_hop(Slot slot) {
  Entry& entry = shared_.ledger[slot];
  shared_.actions.release(entry.outgoing);
  entry.hop.state = Hop::State::kIdle;
  entry.hop.due = kNever;
}

void Exchange::transmit(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  Hop& hop = entry.hop;
  hop.state = Hop::State::kSent;
  const NodeId* peer = shared_.router.choose(target(entry)).peer;
  if (peer == nullptr) return wait(slot, kNever);  // on_link_up sends it
  hop.to = *peer;
  hop.attempt = hop.attempt.next();
  if (entry.direction() == Direction::kForward) {
    shared_.actions.push(Send{hop.to, Forward{entry.id, hop.attempt, entry.group, entry.outgoing}});
  } else {
    shared_.actions.push(
        Send{hop.to, Backward{entry.id, hop.attempt, entry.loss, shared_.load, entry.outgoing}});
  }
  wait(slot, now + pauses_.for_receipt(hop.patience));
  grow(hop.patience);
}

void Exchange::repeat(TimePoint now, Slot slot, const char* reason) {
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

void Exchange::ask(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  const NodeId* peer = shared_.router.choose(target(entry)).peer;
  if (peer == nullptr) return wait(slot, kNever);
  Hop& hop = entry.hop;
  hop.to = *peer;
  shared_.actions.push(Send{*peer, Query{entry.id, entry.direction(), hop.attempt}});
  if (hop.state == Hop::State::kHeld) {
    grow(hop.patience);
    return wait(slot, now + pauses_.for_gradient(hop.patience));
  }
  hop.state = Hop::State::kAsked;
  wait(slot, now + pauses_.for_receipt(hop.patience));
  grow(hop.patience);
}

void Exchange::on_time(TimePoint now) {
  Slot slot = 0;
  while (timers_.pop(now, slot)) {
    const Entry& entry = shared_.ledger[slot];
    if (!entry.is_open || !entry.hop.is_active()) continue;
    if (entry.hop.due > now) {
      timers_.arm(slot, entry.hop.due);
    } else if (entry.hop.attempt == Attempt{}) {
      transmit(now, slot);  // there was no link before
    } else if (entry.hop.state == Hop::State::kPaused) {
      repeat(now, slot, "it was refused or put off before");
    } else {
      ask(now, slot);
    }
  }
}

void Exchange::on_link_up(TimePoint now, StageIndex stage) {
  std::vector<Slot> owed;
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    const Entry& entry = entries[slot];
    if (entry.is_open && entry.hop.is_active() && target(entry) == stage) owed.push_back(slot);
  }
  std::sort(owed.begin(), owed.end(),
            [&](Slot a, Slot b) { return entries[a].id < entries[b].id; });
  for (const Slot slot : owed) {
    shared_.ledger[slot].hop.patience = 0;
    wait(slot, now);
  }
}

void Exchange::on_link_down(const NodeId& peer) {
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    const Entry& entry = entries[slot];
    if (entry.is_open && entry.hop.is_active() && entry.hop.to == peer) wait(slot, kNever);
  }
}

}  // namespace brigade::swarm

#include "swarm/relay.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

using Kind = Receipt::Kind;
using Standing = Ledger::Standing;

constexpr Attempt kAnyAttempt{std::numeric_limits<Attempt::rep>::max()};

}  // namespace

Relay::Relay(Shared& shared, Evaluation& evaluation, PeerBook& peers, PathFinder& finder)
    : shared_(shared),
      evaluation_(evaluation),
      peers_(peers),
      finder_(finder),
      pauses_(shared.options),
      throttle_(shared.options.receipt_deadline) {}

void Relay::blame(const NodeId& peer, const char* what, std::string detail) {
  shared_.actions.push(Misbehaved{peer, what, std::move(detail)});
}

void Relay::discard(const Payload& payload) {
  if (!payload.is_empty()) shared_.actions.push(Release{payload.id});
}

void Relay::answer(const NodeId& to, const MicrobatchId& id, Direction direction, Attempt attempt,
                   Kind kind, Offer offer) {
  shared_.actions.push(Send{to, Receipt{id, direction, attempt, kind, std::move(offer)}});
}

bool Relay::is_for_this(TimePoint now, const NodeId& from, const MicrobatchId& id,
                        const Path& path) {
  const Options& options = shared_.options;
  const bool is_sane = !shared_.is_head() && path.holders.size() == options.stages &&
                       path.at(options.stage).node == options.self &&
                       path.at(before()).node == from;
  if (!is_sane) {
    blame(from, "a path that does not lead here");
    return false;
  }
  if (id.epoch != shared_.epoch.epoch || is_finished_) return false;
  const std::uint64_t instance = path.at(options.stage).instance;
  if (instance != options.instance) peers_.lose(now, instance);
  return instance == options.instance;
}

Offer Relay::offer(TimePoint now) const {
  Offer offer;
  const Ledger::Counts counts = shared_.ledger.counts();
  offer.queue = counts.in_flight - counts.forwarded + counts.waiting_gradients;
  offer.pace = view_.pace;
  if (!view_.is_open || counts.in_flight >= shared_.options.most_in_flight) return offer;
  if (!shared_.is_tail()) {
    offer.path = finder_.choose(now).path;
    if (offer.path.empty()) return offer;
  }
  offer.path.insert(offer.path.begin(), Holder{shared_.options.self, shared_.options.instance});
  return offer;
}

void Relay::begin_route(TimePoint now, Slot slot, const Path& path) {
  if (slot >= routes_.size()) routes_.resize(slot + 1);
  routes_[slot] = Route{};
  routes_[slot].path = path;
  routes_[slot].heard_at = now;
}

Slot Relay::open(TimePoint now, const MicrobatchId& id, const Path& path) {
  const Slot slot = shared_.ledger.open(id, Group{id.sequence, 1});
  begin_route(now, slot, path);
  if (!shared_.is_tail()) finder_.on_used(now, holder_after(slot));
  return slot;
}

// ---- from the stage before ----------------------------------------------------------------------

void Relay::on(TimePoint now, const NodeId& from, const Forward& message) {
  const bool has_bytes = !message.payload.is_empty();
  if (!has_bytes) blame(from, "an activation without bytes");
  if (!has_bytes || !is_for_this(now, from, message.id, message.path)) {
    return discard(message.payload);
  }
  note_floor(now, message.id.head, message.path.floor);
  const auto [standing, slot] = look_up(now, message.id, message.path);
  if (standing == Standing::kOpen) return on_again(now, from, message, slot);
  if (standing == Standing::kApplied) {
    discard(message.payload);
    ++duplicates_;
    return answer(from, message.id, Direction::kForward, message.attempt,
                  is_spent(message.id) ? Kind::kSpent : Kind::kApplied, offer(now));
  }
  if (standing == Standing::kRefused || refuses(message)) return refuse(now, from, message);
  has_use_ = true;
  const bool was_spent = spent_.erase(message.id) > 0;
  const Slot opened = open(now, message.id, message.path);
  routes_[opened].was_spent = was_spent;
  Entry& entry = shared_.ledger[opened];
  entry.input = message.payload;
  entry.input_attempt = message.attempt;
  shared_.tasks.push_forward(opened, entry);
  answer(from, message.id, Direction::kForward, message.attempt, Kind::kReceived, offer(now));
}

bool Relay::refuses(const Forward& message) const {
  if (!view_.is_open) return true;
  if (shared_.ledger.counts().in_flight >= shared_.options.most_in_flight) return true;
  const auto before = refusals_.find(message.id);
  return before != refusals_.end() &&
         Refusal{message.path.revision, message.attempt} <= before->second;
}

void Relay::note_refusal(const MicrobatchId& id, const Refusal& refusal) {
  if (refusals_.size() >= limits::kMaxRefusals) refusals_.erase(refusals_.begin());
  Refusal& newest = refusals_[id];
  newest = std::max(newest, refusal);
}

void Relay::refuse(TimePoint now, const NodeId& from, const Forward& message) {
  discard(message.payload);
  note_refusal(message.id, {message.path.revision, message.attempt});
  answer(from, message.id, Direction::kForward, message.attempt, Kind::kBusy, offer(now));
}

void Relay::on_again(TimePoint now, const NodeId& from, const Forward& message, Slot slot) {
  discard(message.payload);
  ++duplicates_;
  if (message.path.revision < routes_[slot].path.revision) return;
  shared_.ledger[slot].input_attempt = message.attempt;
  routes_[slot].heard_at = now;
  redirect(now, slot, message.path);
  answer(from, message.id, Direction::kForward, message.attempt, Kind::kReceived, offer(now));
  if (shared_.ledger[slot].life == Life::kApplied) {
    repeat(now, slot, "the stage before asks for the gradient");
  }
}

// ---- from the stage after -----------------------------------------------------------------------

void Relay::on(TimePoint now, const NodeId& from, const Backward& message) {
  const bool is_stray = message.id.epoch != shared_.epoch.epoch || is_finished_;
  if (is_stray || shared_.is_tail()) return discard(message.payload);
  const auto [standing, slot] = shared_.ledger.look_up(message.id);
  if (standing == Standing::kOpen) return on_gradient(now, from, message, slot);
  discard(message.payload);
  const bool is_done =
      standing == Standing::kApplied || message.id.kind == MicrobatchId::Kind::kEval;
  if (is_done) ++duplicates_;
  const Kind done = is_spent(message.id) ? Kind::kSpent : Kind::kApplied;
  answer(from, message.id, Direction::kBackward, message.attempt, is_done ? done : Kind::kMissing);
}

void Relay::on_gradient(TimePoint now, const NodeId& from, const Backward& message, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  Route& route = routes_[slot];
  if (from != holder_after(slot).node || route.is_abandoned) return discard(message.payload);
  const bool is_known = entry.has_answer || entry.life == Life::kApplied;
  if (!is_known &&
      !entry.was_forwarded) {  // dropped here and given again: asked for when it is due
    discard(message.payload);
    return answer(from, entry.id, Direction::kBackward, message.attempt, Kind::kMissing);
  }
  const bool is_sane =
      message.payload.is_empty() != entry.is_train() && shared_.is_plausible(message.loss);
  if (is_known || !is_sane) {
    discard(message.payload);
    if (!is_known) return blame(from, "a gradient that can't be");
    ++duplicates_;
    entry.gradient_attempt = std::max(entry.gradient_attempt, message.attempt);
    return answer(from, entry.id, Direction::kBackward, message.attempt,
                  entry.is_train() ? Kind::kReceived : Kind::kApplied);
  }
  if (std::exchange(route.is_suspended, false)) {
    report(slot, PathReported::Kind::kResumed, after(), "its gradient came");
  }
  has_use_ = true;
  finder_.on_back(now, holder_after(slot));
  entry.gradient = message.payload;
  entry.gradient_attempt = message.attempt;
  entry.loss = message.loss;
  entry.has_answer = true;
  settle_hop(slot);
  answer(from, entry.id, Direction::kBackward, message.attempt,
         entry.is_train() ? Kind::kReceived : Kind::kApplied);
  if (entry.life == Life::kForwarding) return;  // again: the engine's answer queues what follows
  if (entry.life == Life::kForwardQueued) shared_.tasks.remove_forward(slot);
  if (!entry.is_train()) return send_result(now, slot);
  shared_.ledger.move(slot, Life::kBackwardQueued);
  shared_.tasks.push_backward(slot, entry);
}

// ---- receipts and queries -----------------------------------------------------------------------

void Relay::on(TimePoint now, const NodeId& from, const Receipt& receipt) {
  if (receipt.direction == Direction::kForward) peers_.on_offer(now, from, receipt.offer);
  const auto [standing, slot] = shared_.ledger.look_up(receipt.id);
  if (standing != Standing::kOpen || routes_[slot].is_abandoned) return;
  const Entry& entry = shared_.ledger[slot];
  const bool is_believed =
      receipt.direction == entry.direction() && entry.hop.is_answered_by(from, receipt.attempt);
  if (!is_believed) return;
  has_use_ = true;
  if (receipt.direction == Direction::kForward) {
    on_forward_receipt(now, slot, receipt.kind);
  } else {
    on_backward_receipt(now, slot, receipt.kind);
  }
}

void Relay::on_forward_receipt(TimePoint now, Slot slot, Kind kind) {
  Entry& entry = shared_.ledger[slot];
  Route& route = routes_[slot];
  Hop& hop = entry.hop;
  switch (kind) {
    case Kind::kApplied:
      return settle(slot, "closed on another path");
    case Kind::kReceived:
      shared_.actions.release(entry.outgoing);
      route.is_sent = route.was_held = true;
      route.is_missing = route.is_refused = false;
      finder_.on_taken(holder_after(slot));
      if (hop.state != Hop::State::kHeld) hop.patience = 0;
      hop.state = Hop::State::kHeld;
      return wait(slot, now + pauses_.for_gradient(hop.patience));
    case Kind::kMissing:
      hop.state = Hop::State::kPaused;
      // It may have had it and passed it on, heard or not, before it let it go.
      if (route.is_sent || route.was_held) route.path.given = shared_.options.stages;
      route.is_missing = true;
      return repeat(now, slot, "the holder after lost the activation");
    case Kind::kSpent:
      route.was_held = true;
      if (!std::exchange(route.is_spent, true))
        write_off(slot, after(), "applied there, and its gradient is gone");
      return on_refused(now, slot);
    case Kind::kBusy:
      return on_refused(now, slot);
    case Kind::kRejected:
      hop.state = Hop::State::kPaused;
      wait(slot, now + pauses_.for_receipt(hop.patience));
      return grow(hop.patience);
  }
}

// What it had passed on before, if it ever had it, others may have.
void Relay::on_refused(TimePoint now, Slot slot) {
  Route& route = routes_[slot];
  Hop& hop = shared_.ledger[slot].hop;
  if (route.was_held) route.path.given = shared_.options.stages;
  route.is_sent = route.was_held = false;
  route.is_refused = has_trouble_ = true;
  finder_.on_refused(now, holder_after(slot));
  hop.state = Hop::State::kPaused;
  wait(slot, now + pauses_.for_receipt(hop.patience));
  grow(hop.patience);
}

void Relay::on_backward_receipt(TimePoint now, Slot slot, Kind kind) {
  Hop& hop = shared_.ledger[slot].hop;
  switch (kind) {
    case Kind::kApplied:
      return close(slot);
    case Kind::kSpent:  // were it wanted on another path, it would have another holder before
      return drop(slot, /*is_written_off=*/true, "the holder before has given it up");
    case Kind::kReceived:
      routes_[slot].disowned_at = kNever;
      if (hop.state != Hop::State::kHeld) hop.patience = 0;
      hop.state = Hop::State::kHeld;
      return wait(slot, now + pauses_.for_gradient(hop.patience));
    case Kind::kMissing:
      if (hop.state != Hop::State::kSent) {
        return repeat(now, slot, "the holder before lost the gradient");
      }
      if (is_adopted(slot)) {
        routes_[slot].disowned_at = std::min(routes_[slot].disowned_at, now);
      }
      [[fallthrough]];  // it does not know the micro-batch (yet, or any more)
    case Kind::kBusy:
    case Kind::kRejected:
      hop.state = Hop::State::kPaused;
      wait(slot, now + pauses_.for_receipt(hop.patience));
      return grow(hop.patience);
  }
}

void Relay::on(TimePoint now, const NodeId& from, const Query& query) {
  const bool is_forward = query.direction == Direction::kForward;
  if (is_forward) {
    if (!is_for_this(now, from, query.id, query.path)) return;
    note_floor(now, query.id.head, query.path.floor);
  } else if (query.id.epoch != shared_.epoch.epoch || is_finished_ || shared_.is_tail()) {
    return;
  }
  const auto [standing, slot] =
      is_forward ? look_up(now, query.id, query.path) : shared_.ledger.look_up(query.id);
  if (standing == Standing::kOpen) {
    const bool is_deaf = is_forward ? query.path.revision < routes_[slot].path.revision
                                    : from != holder_after(slot).node;
    if (is_deaf) return;
    if (is_forward) {
      routes_[slot].heard_at = now;
      redirect(now, slot, query.path);
    }
    if (is_forward && shared_.ledger[slot].life == Life::kApplied) {
      return repeat(now, slot, "the stage before asks for the gradient");
    }
    return answer(from, query.id, query.direction, query.attempt, standing_of(query, slot),
                  is_forward ? offer(now) : Offer{});
  }
  const bool is_train = query.id.kind == MicrobatchId::Kind::kTrain;
  Kind kind = Kind::kMissing;
  if (standing == Standing::kApplied) {
    kind = is_spent(query.id) ? Kind::kSpent : Kind::kApplied;
  } else if (!is_train && !is_forward) {
    kind = Kind::kApplied;
  }
  answer(from, query.id, query.direction, query.attempt, kind, is_forward ? offer(now) : Offer{});
}

Kind Relay::standing_of(const Query& query, Slot slot) const {
  const Entry& entry = shared_.ledger.entries()[slot];
  if (query.direction == Direction::kForward || entry.is_train()) {
    const bool is_missing = query.direction == Direction::kBackward && !entry.has_answer &&
                            entry.life != Life::kApplied;
    return is_missing ? Kind::kMissing : Kind::kReceived;
  }
  return entry.has_answer || entry.life == Life::kApplied ? Kind::kApplied : Kind::kMissing;
}

// ---- from the engine ----------------------------------------------------------------------------

void Relay::send_activation(TimePoint now, Slot slot, const Payload& output) {
  shared_.ledger[slot].outgoing = output;
  const Route& route = routes_[slot];
  if (route.is_abandoned) return;
  if (may_hold_next(slot) && !route.is_missing && !route.is_refused) {
    shared_.ledger[slot].hop.state = Hop::State::kAsked;
    return ask(now, slot);
  }
  transmit(now, slot);
}

void Relay::send_gradient(TimePoint now, Slot slot, const Payload& gradient) {
  Entry& entry = shared_.ledger[slot];
  BRIGADE_CHECK(entry.life == Life::kApplied, to_string(entry.id));
  shared_.actions.release(entry.input);
  shared_.actions.release(entry.gradient);
  if (shared_.is_head()) {
    discard(gradient);
    return close(slot);
  }
  entry.outgoing = gradient;
  entry.hop.patience = 0;
  if (!routes_[slot].is_abandoned) transmit(now, slot);
}

void Relay::send_result(TimePoint now, Slot slot) {
  Entry& entry = shared_.ledger[slot];
  shared_.actions.release(entry.input);
  shared_.ledger.move(slot, Life::kApplied);
  if (shared_.is_head()) {
    evaluation_.on_result(entry.loss);
    return close(slot);
  }
  entry.hop.patience = 0;
  if (!routes_[slot].is_abandoned) transmit(now, slot);
}

void Relay::reject(TimePoint now, Slot slot, Direction direction, const std::string& why) {
  Entry& entry = shared_.ledger[slot];
  const bool is_forward = direction == Direction::kForward;
  const Holder& giver = is_forward ? holder_before(slot) : holder_after(slot);
  if (peers_.is_live(giver)) {
    answer(giver.node, entry.id, direction,
           is_forward ? entry.input_attempt : entry.gradient_attempt, Kind::kRejected,
           is_forward ? offer(now) : Offer{});
    blame(giver.node, "bytes that make no sense", why);
  }
  if (is_forward) {  // as if it had never come
    shared_.ledger.move(slot, Life::kForwarded);
    return drop(slot, /*is_written_off=*/false, "its input did not decode");
  }
  shared_.actions.release(entry.gradient);
  entry.has_answer = false;
  shared_.ledger.move(slot, Life::kForwarded);
  entry.hop.state = Hop::State::kHeld;
  wait(slot, now + pauses_.for_gradient(0));
}

// ---- the end of an entry ------------------------------------------------------------------------

void Relay::close(Slot slot) {
  const Entry& entry = shared_.ledger[slot];
  if (!shared_.is_tail() && entry.is_train() && peers_.is_live(holder_after(slot))) {
    answer(holder_after(slot).node, entry.id, Direction::kBackward, entry.gradient_attempt,
           Kind::kApplied);
  }
  settle_hop(slot);
  shared_.ledger.close(slot);
}

void Relay::drop(Slot slot, bool is_written_off, const char* reason) {
  Entry& entry = shared_.ledger[slot];
  Route& route = routes_[slot];
  if (entry.life == Life::kForwarding || entry.life == Life::kBackwarding) {
    if (!std::exchange(route.is_abandoned, true)) abandoned_.push_back(slot);
    route.is_written_off = is_written_off;
    return;
  }
  const bool is_applied = entry.life == Life::kApplied;  // another may be on the newest path
  const bool can_remember = spent_.size() < limits::kMaxRefusals || !entry.is_train();
  if (is_applied && !can_remember && !is_finished_) return;  // else it would pass for closed
  is_written_off = is_written_off || (is_applied && !is_finished_);
  if (entry.is_train()) {
    report(slot, is_written_off ? PathReported::Kind::kWrittenOff : PathReported::Kind::kHandedBack,
           shared_.options.stage, reason);
    written_off_ += is_written_off ? 1 : 0;
  }
  settle_hop(slot);
  if (!shared_.is_tail() && !is_applied && !entry.has_answer) {
    finder_.on_taken_back(holder_after(slot));
  }
  if (entry.life == Life::kApplied) {
    if (entry.is_train()) spent_[entry.id] = route.path.revision;
    return shared_.ledger.close(slot);
  }
  if (route.was_spent) spent_[entry.id] = route.path.revision;  // else it would pass for closed
  if (route.is_replanning) note_refusal(entry.id, {route.path.revision, kAnyAttempt});
  if (entry.life == Life::kForwardQueued) shared_.tasks.remove_forward(slot);
  if (entry.life == Life::kBackwardQueued) shared_.tasks.remove_backward(slot);
  shared_.actions.release(entry.input);
  shared_.actions.release(entry.gradient);
  if (entry.was_forwarded && entry.is_train()) {
    shared_.tasks.on_forgotten();
    shared_.actions.push(Forget{entry.id});
  }
  shared_.ledger.forget(slot);
}

void Relay::drop_abandoned(TimePoint now) {
  constexpr const char* kWhy = "given up while it was being computed";
  std::vector<Slot> slots = std::move(abandoned_);
  abandoned_.clear();
  for (const Slot slot : slots) {
    const Entry& entry = shared_.ledger[slot];
    if (!entry.is_open || !routes_[slot].is_abandoned) continue;
    const bool was_written_off = routes_[slot].is_written_off;
    routes_[slot].is_abandoned = false;  // it is again, if the engine still has it
    const bool is_applied = entry.life == Life::kApplied && entry.is_train() && !is_finished_;
    if (!is_applied) {
      drop(slot, was_written_off, kWhy);
      continue;
    }
    // Too late to give it up: it is in the weights, and nobody else may be there to apply it. What
    // is applied stays until it is closed.
    if (was_written_off) write_off(slot, shared_.options.stage, kWhy);
    transmit(now, slot);
  }
}

void Relay::finish() {
  is_finished_ = true;
  const auto& entries = shared_.ledger.entries();
  for (Slot slot = 0; slot < entries.size(); ++slot) {
    if (entries[slot].is_open) drop(slot, /*is_written_off=*/false, "this node leaves");
  }
  restored_.let_go(shared_.actions);
}

void Relay::report(Slot slot, PathReported::Kind kind, StageIndex stage, const char* reason) {
  shared_.actions.push(PathReported{shared_.ledger[slot].id, kind, stage, reason});
}

void Relay::write_off(Slot slot, StageIndex stage, const char* reason) {
  if (!shared_.ledger[slot].is_train()) return;
  ++written_off_;
  report(slot, PathReported::Kind::kWrittenOff, stage, reason);
}

}  // namespace brigade::swarm

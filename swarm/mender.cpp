#include "swarm/mender.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm {

using Kind = PathRequest::Kind;
using Report = PathReported::Kind;

namespace {

constexpr int kWorthTrips = 2;        // of the path up and down
constexpr std::uint8_t kInsists = 3;  // refusals

}  // namespace

Mender::Mender(Shared& shared, Relay& relay, PeerBook& peers, PathFinder& finder)
    : shared_(shared), relay_(relay), peers_(peers), finder_(finder), pauses_(shared.options) {}

void Mender::tend(TimePoint now) {
  const auto slots = static_cast<Slot>(shared_.ledger.entries().size());
  for (Slot slot = 0; slot < slots; ++slot) {
    if (shared_.ledger[slot].is_open && !relay_.route(slot).is_abandoned) tend(now, slot);
  }
}

void Mender::tend(TimePoint now, Slot slot) {
  if (is_headless(now, slot)) return adopt_out(now, slot);
  const Entry& entry = shared_.ledger[slot];
  if (!entry.hop.is_active()) return;
  if (entry.direction() == Direction::kForward) return tend_forward(now, slot);
  Route& route = relay_.route(slot);
  const bool is_live = peers_.is_live(relay_.holder_before(slot));
  if (is_live && route.is_cut) relay_.resume(now, slot);
  route.is_cut = !is_live;
}

void Mender::tend_forward(TimePoint now, Slot slot) {
  const Route& route = relay_.route(slot);
  const Holder next = relay_.holder_after(slot);
  if (peers_.is_gone(next)) {
    if (relay_.may_hold_next(slot) && is_coming_back(now, next, relay_.after())) return;
    return replan(now, slot, "the next holder is lost");
  }
  if (route.is_refused) {
    replan(now, slot, "the next holder refused it");
    const bool waits = route.is_refused && !route.is_replanning;  // nobody else: it is tried again
    if (waits && peers_.is_live(next) && shared_.ledger[slot].hop.due == kNever) {
      relay_.resume(now, slot);
    }
    return;
  }
  if (peers_.is_live(next)) return resume(now, slot);
  if (!relay_.may_hold_next(slot)) {
    return replan(now, slot, "the next holder is out of contact, and never got it");
  }
  if (peers_.is_forgotten(now, next)) {
    return replan(now, slot, "the next holder was out of contact for too long");
  }
  suspend(now, slot);
}

/// The node of a lost holder has restarted, and has not restored yet.
bool Mender::is_coming_back(TimePoint now, const Holder& lost, StageIndex stage) const {
  constexpr int kHeirDeadlines = 1;  // for receipts
  const PeerBook::Peer* heir = peers_.find(lost.node);
  return peers_.is_gone(lost) && heir != nullptr && heir->stage == stage && heir->is_live &&
         !heir->is_restored &&
         now - heir->came_at < kHeirDeadlines * shared_.options.receipt_deadline;
}

// ---- the next holder ----------------------------------------------------------------------------

bool Mender::may_retry(TimePoint now, Slot slot) {
  Route& route = relay_.route(slot);
  if (now < route.retry_at) return false;
  route.retry_at = now + pauses_.for_receipt(route.patience);
  grow(route.patience);
  return true;
}

bool Mender::send_up(TimePoint now, Slot slot, Kind kind, Path path) {
  const Holder& up = relay_.holder_before(slot);
  if (!peers_.is_live(up) || !may_retry(now, slot)) return false;
  shared_.actions.push(Send{
      up.node, PathRequest{kind, shared_.ledger[slot].id, shared_.options.stage, std::move(path)}});
  return true;
}

void Mender::suspend(TimePoint now, Slot slot) {
  Route& route = relay_.route(slot);
  route.is_cut = true;
  if (shared_.is_head()) {
    if (std::exchange(route.is_suspended, true)) return;
    return relay_.report(slot, Report::kSuspended, relay_.after(), "the next holder is silent");
  }
  if (send_up(now, slot, Kind::kSuspended, {})) route.is_told = true;
}

/// The next holder is live; once it is live again it is asked what it has.
void Mender::resume(TimePoint now, Slot slot) {
  Route& route = relay_.route(slot);
  if (route.is_replanning) return replan(now, slot, "it is asked for already");
  if (!std::exchange(route.is_cut, false) && shared_.ledger[slot].hop.due != kNever) return;
  relay_.resume(now, slot);
  if (std::exchange(route.is_suspended, false)) {
    relay_.report(slot, Report::kResumed, relay_.after(), "the next holder is back");
  }
  route.retry_at = now;
  route.patience = 0;
  if (std::exchange(route.is_told, false)) send_up(now, slot, Kind::kResumed, {});
}

void Mender::replan(TimePoint now, Slot slot, const char* reason) {
  Route& route = relay_.route(slot);
  const Holder old = relay_.holder_after(slot);
  PathFinder::Choice choice = peers_.is_gone(old) && relay_.may_hold_next(slot)
                                  ? finder_.choose_heir(now, old)
                                  : finder_.choose(now, old.instance);
  // Nobody else is there: a newer path is taken by who has spent it, or refuses the present one.
  const bool insists = route.is_refused && shared_.ledger[slot].hop.patience >= kInsists;
  const bool is_last_resort =
      choice.path.empty() && (route.is_spent || insists) && peers_.is_live(old);
  if (is_last_resort && may_retry(now, slot)) {
    choice.path = {old};
    route.retry_at = now;
  }
  if (choice.path.empty()) {
    // Nobody else: what refuses is tried again, what is gone for certain is waited for.
    if (route.is_replanning && peers_.is_live(old)) return confirm(now, slot);
    if (!peers_.is_live(old) && !shared_.is_head()) suspend(now, slot);
    return;
  }
  PathRequest request{Kind::kReplan, shared_.ledger[slot].id, shared_.options.stage,
                      with_next(slot, choice.path)};
  const bool is_uncertain = relay_.may_hold_next(slot) && !peers_.is_gone(old) && !route.is_refused;
  if (shared_.is_head()) {
    if (is_uncertain) relay_.write_off(slot, relay_.after(), reason);
    return take(now, slot, request, reason);
  }
  if (!peers_.is_live(relay_.holder_before(slot)) || !may_retry(now, slot)) return;
  const bool is_first = !std::exchange(route.is_replanning, true);
  if (is_first && is_uncertain) relay_.write_off(slot, relay_.after(), reason);
  shared_.actions.push(Send{relay_.holder_before(slot).node, std::move(request)});
}

Path Mender::with_next(Slot slot, const std::vector<Holder>& chosen) const {
  const Route& route = relay_.route(slot);
  Path path = route.path;
  const std::uint32_t next = relay_.after().value();
  const bool may_be_beyond = route.is_sent || path.given > next + 1;
  if (may_be_beyond) {
    path.holders[next] = chosen.front();
    path.given = shared_.options.stages;
  } else {
    std::ranges::copy(chosen, path.holders.begin() + static_cast<std::ptrdiff_t>(next));
    path.given = next;
  }
  return path;
}

void Mender::reconsider(TimePoint now, Slot slot) {
  const bool is_bound = relay_.may_hold_next(slot) || relay_.route(slot).is_replanning;
  if (shared_.is_head() || shared_.is_tail() || is_bound) return;
  const PeerBook::Peer* up = peers_.find(relay_.holder_before(slot).node);
  if (up == nullptr || !up->is_live) return;
  const Duration worth = kWorthTrips * static_cast<int>(relay_.after().value()) * up->round_trip;
  const auto choice = finder_.choose_sooner(now, relay_.holder_after(slot), worth);
  if (choice.path.empty()) return;
  Route& route = relay_.route(slot);
  route.retry_at = now;
  if (send_up(now, slot, Kind::kSooner, with_next(slot, choice.path))) route.is_replanning = true;
}

/// Whoever was proposed is lost too, and the head may have taken it or not: its word on the present
/// path is needed before anything is given on it.
void Mender::confirm(TimePoint now, Slot slot) {
  send_up(now, slot, Kind::kReplan, relay_.route(slot).path);
}

// ---- the head's word ----------------------------------------------------------------------------

void Mender::on(TimePoint now, const NodeId& from, const PathRequest& request) {
  if (request.id.epoch != shared_.epoch.epoch) return;
  if (request.kind == Kind::kClosed) return let_go(from, request.id);
  if (shared_.is_tail()) return;
  if (request.kind == Kind::kAdopt) return adopt(now, from, request);
  const auto [standing, slot] = shared_.ledger.look_up(request.id);
  const bool is_open =
      standing == Ledger::Standing::kOpen && relay_.holder_after(slot).node == from;
  if (!is_open) return;  // the one who asks was replaced, or it is done
  if (shared_.is_head()) return decide(now, slot, request);
  const Holder& up = relay_.holder_before(slot);
  if (peers_.is_live(up)) shared_.actions.push(Send{up.node, request});
}

void Mender::decide(TimePoint now, Slot slot, const PathRequest& request) {
  Route& route = relay_.route(slot);
  const Entry& entry = shared_.ledger[slot];
  const bool is_waiting = entry.direction() == Direction::kForward && !entry.has_answer;
  if (!is_waiting) return;
  const bool is_proposal = request.kind == Kind::kReplan || request.kind == Kind::kSooner;
  if (!is_proposal) {
    const bool is_suspended = request.kind == Kind::kSuspended;
    if (std::exchange(route.is_suspended, is_suspended) == is_suspended) return;
    return relay_.report(slot, is_suspended ? Report::kSuspended : Report::kResumed,
                         request.stage.next(),
                         is_suspended ? "a holder is silent" : "a holder is back");
  }
  const std::vector<Holder>& known = route.path.holders;
  const bool is_sane =
      request.path.holders.size() == known.size() && request.stage.next().value() < known.size();
  if (!is_sane) return;
  if (request.path.revision != route.path.revision) return relay_.pass_on(now, slot);
  // What leads to who asks is none of its business.
  const auto asker = known.begin() + static_cast<std::ptrdiff_t>(request.stage.value());
  if (!std::equal(known.begin(), asker + 1, request.path.holders.begin())) return;
  take(now, slot, request, "a giver asked for another holder");
}

void Mender::take(TimePoint now, Slot slot, const PathRequest& request, const char* reason) {
  Route& route = relay_.route(slot);
  Path path = request.path;
  ++path.revision;
  path.given = std::max(path.given, request.stage.value() + 1);
  const bool was_suspended = std::exchange(route.is_suspended, false);
  if (request.kind == Kind::kReplan || was_suspended)
    relay_.report(slot, Report::kMended, request.stage.next(), reason);
  relay_.redirect(now, slot, path);
}

// ---- a lost head --------------------------------------------------------------------------------

bool Mender::is_headless(TimePoint now, Slot slot) {
  if (shared_.options.stage != StageIndex{1}) return false;
  const Holder& head = relay_.holder_before(slot);
  if (peers_.is_gone(head)) return shared_.ledger[slot].is_train();
  const bool is_applied = shared_.ledger[slot].life == Life::kApplied;
  if (!is_applied || !shared_.ledger[slot].is_train()) return false;
  return relay_.route(slot).disowned_at != kNever || peers_.is_forgotten(now, head);
}

void Mender::adopt_out(TimePoint now, Slot slot) {
  Route& route = relay_.route(slot);
  const Entry& entry = shared_.ledger[slot];
  const bool is_asked = route.adopter != Holder{};
  const bool is_lost = is_asked && peers_.is_gone(route.adopter);
  const bool is_forgotten = is_asked && peers_.is_forgotten(now, route.adopter);
  if (!is_asked || is_lost || is_forgotten) {
    const Holder& lost = relay_.holder_before(slot);
    const Holder& asked = is_asked ? route.adopter : lost;
    if (is_coming_back(now, asked, relay_.before())) return;
    const PeerBook::Peer* head = finder_.choose_head(entry.id, asked);
    if (head == nullptr) return;
    // A head that may have forgotten this node before it was lost may have given it to another.
    const bool is_uncertain = is_asked ? is_forgotten && !is_lost
                                       : !peers_.is_gone(lost) || peers_.is_lease_over(now, lost);
    if (is_uncertain) relay_.write_off(slot, relay_.before(), "its head was silent for too long");
    route.adopter = head->holder;
    route.retry_at = now;
    route.patience = 0;
  }
  if (!peers_.is_live(route.adopter) || !may_retry(now, slot)) return;
  shared_.actions.push(Send{
      route.adopter.node, PathRequest{Kind::kAdopt, entry.id, shared_.options.stage, route.path}});
}

void Mender::adopt(TimePoint now, const NodeId& from, const PathRequest& request) {
  const Options& options = shared_.options;
  const bool is_sane = shared_.is_head() && request.path.holders.size() == options.stages &&
                       request.path.holders[1].node == from &&
                       request.id.kind == MicrobatchId::Kind::kTrain &&
                       request.id.head != options.head;
  if (!is_sane) return shared_.actions.push(Misbehaved{from, "an orphan that can't be"});
  relay_.note_floor(now, request.id.head, request.path.floor);
  const auto [standing, open] = shared_.ledger.look_up(request.id);
  if (standing == Ledger::Standing::kOpen) return relay_.pass_on(now, open);
  if (standing == Ledger::Standing::kApplied || relay_.was_closed(request.id)) {
    return shared_.actions.push(
        Send{from, PathRequest{Kind::kClosed, request.id, options.stage, request.path}});
  }
  if (standing != Ledger::Standing::kUnknown) return;
  Path path = request.path;
  path.holders.front() = Holder{options.self, options.instance};
  ++path.revision;
  path.given = options.stages;
  const Slot slot = relay_.open(now, request.id, path);
  relay_.route(slot).is_adopted = true;
  relay_.report(slot, Report::kAdopted, options.stage, "its head is lost");
  shared_.tasks.push_forward(slot, shared_.ledger[slot]);
}

/// Whom this node asked to adopt it has closed it, with the gradient of another.
void Mender::let_go(const NodeId& from, const MicrobatchId& id) {
  const auto [standing, slot] = shared_.ledger.look_up(id);
  const bool is_asked = standing == Ledger::Standing::kOpen &&
                        relay_.route(slot).adopter != Holder{} &&
                        relay_.route(slot).adopter.node == from;
  if (is_asked) relay_.settle(slot, "closed on another path");
}

// ---- leases -------------------------------------------------------------------------------------

void Mender::expire(TimePoint now) {
  const auto slots = static_cast<Slot>(shared_.ledger.entries().size());
  for (Slot slot = 0; slot < slots; ++slot) {
    if (shared_.ledger[slot].is_open && !relay_.route(slot).is_abandoned) expire(now, slot);
  }
}

void Mender::expire(TimePoint now, Slot slot) {
  const bool is_applied = shared_.ledger[slot].life == Life::kApplied;
  if (shared_.is_head()) {
    // An adopted one is its holder's at stage 1 to give away; what the head drew is its own.
    const bool is_bound = relay_.route(slot).is_adopted && !is_applied;
    if (!is_bound || peers_.is_gone(relay_.holder_after(slot)) ||
        !peers_.is_lease_over(now, relay_.holder_after(slot))) {
      return;
    }
    return relay_.drop(slot, /*is_written_off=*/true, "who gave it may have forgotten");
  }
  const Holder& giver = relay_.holder_before(slot);
  if (!shared_.ledger[slot].is_train()) {  // its head evaluates again, or is lost
    const Holder& head = relay_.route(slot).path.holders.front();
    const bool is_lost =
        peers_.is_gone(head) || (shared_.options.stage > StageIndex{1} && is_silent(now, head));
    if (!is_lost && !peers_.is_lease_over(now, giver)) return;
    return relay_.drop(slot, /*is_written_off=*/false, "nobody waits for this evaluation");
  }
  const bool is_at_first = shared_.options.stage == StageIndex{1};
  if (!is_at_first && is_silent(now, relay_.route(slot).path.holders.front())) {
    return relay_.drop(slot, /*is_written_off=*/true, "nobody is left to close it");
  }
  const bool is_orphan = is_at_first && peers_.is_gone(giver);  // another head adopts it
  // Floors close what heads drew themselves. What was adopted is closed by kApplied alone, which
  // may have been lost with the holder before, or never come: who gave it let it go meanwhile.
  const bool is_lost = (peers_.is_gone(giver) && peers_.is_lease_over(now, giver)) ||
                       peers_.is_forgotten(now, giver) || (!is_at_first && is_disowned(now, slot));
  if (is_applied && relay_.is_adopted(slot) && is_lost) {
    return relay_.drop(slot, /*is_written_off=*/true, "nobody has asked for it again");
  }
  if (is_applied || is_orphan) return;
  // A giver asks about what it gave; who does not ask has dropped it itself.
  const Duration unasked =
      std::max(shared_.options.forget_after, 2 * shared_.options.longest_pause);
  const bool is_unasked = !is_at_first && now - relay_.route(slot).heard_at >= unasked;
  if (!is_unasked && !peers_.is_lease_over(now, giver)) return;
  relay_.drop(slot, /*is_written_off=*/true, "its giver may have forgotten");
}

/// The giver lives, and has not known what it gave for so long that nobody gives it that again.
bool Mender::is_disowned(TimePoint now, Slot slot) const {
  const TimePoint since = relay_.route(slot).disowned_at;
  return since != kNever && now - since >= 2 * shared_.options.forget_after;
}

/// Nothing was heard of a head for so long that nobody will close what it drew or adopted, and
/// nobody has adopted that (which would have brought a newer path).
bool Mender::is_silent(TimePoint now, const Holder& head) {
  if (peers_.is_gone(head)) return peers_.is_lease_over(now, head);
  const auto heard = relay_.floors().find(HeadIndex{head.instance});
  if (heard == relay_.floors().end()) return peers_.is_forgotten(now, head);
  const Options& options = shared_.options;  // each stage on the way may add an interval
  const Duration way = static_cast<int>(options.stage.value()) *
                       beacon_interval_of(options, options.longest_beacon_interval);
  return now - heard->second.at >= options.forget_after + way;
}

}  // namespace brigade::swarm

#include "swarm/membership/suspects.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace brigade::swarm::membership {

const Suspects::Suspicion* Suspects::find(Slot slot) const {
  const Slot at = shared_.view.at(slot).suspicion;
  return at == View::kNone ? nullptr : &suspicions_[at];
}

Suspects::Suspicion& Suspects::open(TimePoint now, Slot slot) {
  View::Member& member = shared_.view.at(slot);
  BRIGADE_CHECK(member.is_present());
  if (member.suspicion != View::kNone) return suspicions_[member.suspicion];
  member.suspicion = static_cast<Slot>(suspicions_.size());
  Suspicion& opened = suspicions_.emplace_back();
  opened.slot = slot;
  opened.since = now;
  // Half of those who know the subject draw 0, a quarter 1, …: the last of them look first.
  const auto levels = static_cast<int>(std::bit_width(shared_.view.present_count()));
  const int drawn = std::min(std::countl_zero(shared_.random() | 1), levels);
  opened.look_at = now + least_time() * (levels - drawn) / std::max(levels, 1);
  return opened;
}

void Suspects::hint(TimePoint now, Slot slot) {
  open(now, slot);
}

Suspects::Heard Suspects::add(TimePoint now, Slot slot, const NodeId& observer) {
  Suspicion& suspicion = open(now, slot);
  if (suspicion.count == 0) suspicion.since = now;
  const auto end = suspicion.observers.begin() + suspicion.count;
  if (std::find(suspicion.observers.begin(), end, observer) != end) return Heard::kKnown;
  const bool is_own = observer == shared_.options.self;
  suspicion.is_own = suspicion.is_own || is_own;
  if (suspicion.count == kMostObservers) return Heard::kEnough;
  suspicion.observers[suspicion.count++] = observer;
  return Heard::kNews;
}

void Suspects::clear(Slot slot) {
  const Slot at = shared_.view.at(slot).suspicion;
  if (at == View::kNone) return;
  shared_.view.at(slot).suspicion = View::kNone;
  if (at + 1 != suspicions_.size()) {
    suspicions_[at] = suspicions_.back();
    shared_.view.at(suspicions_[at].slot).suspicion = at;
  }
  suspicions_.pop_back();
}

bool Suspects::is_suspected_here(Slot slot) const {
  const Suspicion* found = find(slot);
  return found && found->is_own;
}

bool Suspects::is_suspected_by(Slot slot, const NodeId& observer) const {
  const Suspicion* found = find(slot);
  if (!found) return false;
  const auto end = found->observers.begin() + found->count;
  return std::find(found->observers.begin(), end, observer) != end;
}

std::size_t Suspects::observers(Slot slot) const {
  const Suspicion* found = find(slot);
  return found ? found->count : 0;
}

TimePoint Suspects::since(Slot slot) const {
  const Suspicion* found = find(slot);
  return found ? found->since : kNever;
}

bool Suspects::is_overdue(TimePoint now, Slot slot) const {
  const Suspicion* found = find(slot);
  return found && found->count > 0 && now >= found->since + 2 * time_of(*found);
}

Duration Suspects::least_time() const {
  return shared_.options.gossip_interval * (1 + 3 * shared_.rounds()) / 2;
}

Duration Suspects::time_of(const Suspicion& suspicion) const {
  // kPatience … 1 times the least; by observers. Most hear of two: others are not told on.
  constexpr std::array<double, kMostObservers + 1> kShare = {1, 1, 0.25, 0, 0};
  const Duration least = least_time() * (1 + shared_.strain) * (shared_.is_cut_off() ? kAlone : 1);
  const double over = kShare[suspicion.count] * (kPatience - 1);
  return least + Duration{static_cast<Duration::rep>(static_cast<double>(least.count()) * over)};
}

void Suspects::on_time(TimePoint now, std::vector<Slot>& dead, std::vector<Slot>& unsure) {
  for (Suspicion& suspicion : suspicions_) {
    const bool is_founded = suspicion.is_own || suspicion.count > 1;
    if (is_founded && now >= suspicion.since + time_of(suspicion)) {
      dead.push_back(suspicion.slot);
    } else if (!is_founded && now >= suspicion.look_at) {
      unsure.push_back(suspicion.slot);
      suspicion.look_at = now + least_time();
    }
  }
}

void Suspects::shift(Duration stood_still) {
  for (Suspicion& suspicion : suspicions_) {
    suspicion.since += stood_still;
    suspicion.look_at += stood_still;
  }
}

}  // namespace brigade::swarm::membership

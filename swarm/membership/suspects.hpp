// Members that somebody could not reach, and when that is enough to hold them for dead.
//
// Rules
// - Nobody is killed by rumour: a member is held for dead when it did not say otherwise in time,
//   and this node could not reach it either, or two other members could not, independently. Keys
//   that are no members known here don't count: anybody can make up as many as he likes.
// - The time is that of two journeys of news through the swarm, one for the suspicion to get to its
//   subject and one for its answer: logarithmic in the members known. It starts kPatience times as
//   long and shrinks with each further observer (Lifeguard), so that one observer with a bad link
//   does no harm and a dead node, whose links all break, is gone soon.
// - A node that doubts itself, or has no link at all, waits longer.
// - A member that this node has no way to look for (it can't be dialled, no peer reaches it) may
//   keep silent for twice that time; then to ask peers at random is all that can be done.
// - Where there is one observer, and not this node, some who know the subject look for themselves:
//   each draws a moment such that their number doubles with time, from about one on, until somebody
//   has found out and says so.
//
// Bounds: a suspicion for each present member, kMostObservers of it. Cost: O(1) a rumour; a walk
// over the suspected ones a round.
// Source: Das et al., "SWIM" (2002); Dadgar et al., "Lifeguard" (2017).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/shared.hpp"

namespace brigade::swarm::membership {

class Suspects {
 public:
  static constexpr std::size_t kMostObservers = 4;
  static constexpr std::uint32_t kPatience = 2;
  static constexpr std::uint32_t kAlone = 4;  // times longer, without any link

  explicit Suspects(Shared& shared) : shared_(shared) {}

  enum class Heard : std::uint8_t { kNews, kKnown, kEnough };
  /// `observer` could not reach the present member at `slot`.
  Heard add(TimePoint now, Slot slot, const NodeId& observer);
  /// A key that is no member known here says so: reason to look, once, and no more.
  void hint(TimePoint now, Slot slot);
  void clear(Slot slot);
  bool is_suspected_here(Slot slot) const;
  bool is_suspected_by(Slot slot, const NodeId& observer) const;
  std::size_t observers(Slot slot) const;
  TimePoint since(Slot slot) const;
  /// Its answer is due since long: one who has no way to look may ask whom it can.
  bool is_overdue(TimePoint now, Slot slot) const;

  /// Whose time is over, and those whom this node should try to reach.
  void on_time(TimePoint now, std::vector<Slot>& dead, std::vector<Slot>& unsure);
  /// This node stood still for so long: it could have heard no answer.
  void shift(Duration stood_still);
  std::size_t size() const { return suspicions_.size(); }

 private:
  struct Suspicion {
    Slot slot;
    TimePoint since;
    TimePoint look_at;  // when this node looks for itself, if there is still one observer
    std::array<NodeId, kMostObservers> observers;
    std::uint8_t count = 0;
    bool is_own = false;
  };
  const Suspicion* find(Slot slot) const;
  Suspicion& open(TimePoint now, Slot slot);
  Duration least_time() const;
  Duration time_of(const Suspicion& suspicion) const;

  Shared& shared_;
  std::vector<Suspicion> suspicions_;
};

}  // namespace brigade::swarm::membership

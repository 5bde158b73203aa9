// What the parts of one node's membership share. Owned by Membership::Impl.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/random.hpp"
#include "swarm/membership/action.hpp"
#include "swarm/membership/dials.hpp"
#include "swarm/membership/links.hpp"
#include "swarm/membership/options.hpp"
#include "swarm/membership/rumours.hpp"
#include "swarm/membership/view.hpp"

namespace brigade::swarm::membership {

using Slot = View::Slot;

struct Shared {
  static constexpr std::uint32_t kMostStrain = 8;

  explicit Shared(const Options& chosen)
      : options(chosen),
        view(chosen.stages),
        random(mix_seed(chosen.seed, prefix_of(chosen.self))) {}

  void send(const NodeId& to, Message message) { actions.push(Send{to, std::move(message)}); }
  void blame(const NodeId& peer, const char* what) { actions.push(Misbehaved{peer, what}); }
  bool dial(TimePoint now, const RecordPtr& record, const char* reason) {
    if (record->id == options.self || links.has(record->id)) return false;
    return dials.begin(now, record, now + options.dial_timeout, reason, actions);
  }
  /// The link is gone for the core at once: the driver reports no LinkDown for it.
  void drop(const NodeId& peer, const char* reason) {
    if (links.remove(peer)) actions.push(Drop{peer, reason});
  }
  SuspicionPtr suspect(const NodeRecord& subject) const {
    return std::make_shared<Suspicion>(
        Suspicion{subject.id, subject.incarnation, options.self, nullptr});
  }
  bool is_cut_off() const { return links.is_empty(); }
  /// Rounds of rumours until nearly all have heard, where each tells two or three: log4, and one.
  std::uint32_t rounds() const {
    return 1 + static_cast<std::uint32_t>(std::bit_width(view.present_count())) / 2;
  }
  /// How many members one link's worth of dialling is shared by: the swarm as a whole tries who
  /// vanished as often, whatever its size.
  std::uint32_t sharers() const { return std::max(view.present_count() / 4, std::uint32_t{1}); }
  void fail_dial(TimePoint now, const NodeId& peer) {
    constexpr Duration kLongest = std::chrono::minutes{5};
    const Duration longest = links.is_pinned(peer)
                                 ? options.longest_pause
                                 : std::min(options.longest_pause * sharers(), kLongest);
    dials.fail(now, prefix_of(peer), longest, random);
  }
  void strain_more() { strain = std::min(strain + 1, kMostStrain); }
  void strain_less() { strain -= strain > 0 ? 1 : 0; }

  const Options options;
  View view;
  Links links;
  Dials dials;
  Rumours rumours;
  Actions actions;
  Random random;
  Interest interest;
  RecordPtr self;
  /// How much this node has reason to doubt itself (Lifeguard's local health): it was late, lost
  /// several links at once, or was wrongly suspected. It then waits longer before it accuses.
  std::uint32_t strain = 0;
};

}  // namespace brigade::swarm::membership

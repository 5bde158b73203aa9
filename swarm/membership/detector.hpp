// Who does not answer: what this node's own links and dials tell of other members.
//
// Rules
// - A link on which nothing was heard for Options::silence is probed. No answer, a link that broke
//   without a goodbye, a dial that failed: each is a doubt, not yet a suspicion.
// - A link that is silent with one whose group is not followed, or that never greeted, is dropped.
// - A doubt is checked twice over: a few linked peers (first those through which the member says to
//   be reached) are asked whether they reach it, and it is dialled, if it can be. One sign of life
//   ends the doubt. When all say no, or the time is over, the doubt becomes a suspicion of this
//   node's own, which others hear of.
// - A member that can't be dialled and to whom there is no link is doubted when all peers through
//   which it says to be reached are dead or gone: they died together, and nobody else would notice.
//
// Bounds: limits::kMaxDoubts, limits::kMaxProbeFavours for others.
// Cost: a walk over links, doubts and a few members a round.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/shared.hpp"

namespace brigade::swarm::membership {

class Detector {
 public:
  struct Finding {
    Slot slot;
    const char* reason;
  };

  explicit Detector(Shared& shared) : shared_(shared) {}

  /// Whether this node has any means to find out: a link, an address, or a peer that reaches it.
  bool can_look(Slot slot) const;
  /// The member is checked, unless it already is.
  void doubt(TimePoint now, Slot slot, const char* reason);
  void on_dial_failed(TimePoint now, const NodeId& peer);
  void on_heard(const NodeId& peer);  // anything at all
  void on_probe_for(TimePoint now, const NodeId& from, const NodeId& subject);
  /// True: somebody else reaches a member that is silent on its link here.
  bool on_result(const NodeId& from, const NodeId& subject, bool is_alive);
  void settle(const NodeId& subject);  // it lives, or is gone for good: nothing to find out
  /// Probes what is silent; members that could not be reached are added to `found`.
  void on_time(TimePoint now, std::vector<Finding>& found);
  void shift(Duration stood_still);

 private:
  struct Doubt {
    NodeId subject;
    TimePoint deadline;
    const char* reason;
    std::vector<NodeId> asked;  // and not answered yet
    bool is_dialled = false;
    bool is_refused = false;  // by every way that was tried
  };
  struct Favour {
    NodeId asker;
    NodeId subject;
    TimePoint until;
  };
  Doubt* find(const NodeId& subject);
  void ask_helpers(const NodeRecord& subject, std::vector<NodeId>& asked);
  void watch_links(TimePoint now);
  void sweep(TimePoint now);

  Shared& shared_;
  std::vector<Doubt> doubts_;
  std::vector<Favour> favours_;
  std::vector<Slot> swept_;  // of the group that is swept now
  std::uint32_t group_ = 0;
};

}  // namespace brigade::swarm::membership

// Which replica of the next stage gets the next micro-batch, and on which path.
//
// Rules
// - Only a live peer that is ready, offers a path and is not being backed off from.
// - Where both stages have as many replicas: its opposite, the one of the same rank in the order of
//   ids, unless another is free much sooner. So replicas of like speed are lines beside each
//   other. Where all take turns, two send to one at once while another has nothing to do, which
//   costs a tenth of the time with 2 replicas of 4 stages.
// - Else shares by speed: each use charges the replica that was used, and each replica's credit
//   grows by its weight, so over time all are used in proportion, also where several stages before
//   ask the same node, and where one suggestion is used several times or never (smooth weighted
//   round robin).
// - The weight is the measured rate, less by the square of how much longer than with the one that
//   is free first it would wait (backlog, with what was given since the offer, by pace, and half a
//   round trip), in mean paces. So none stands still while another has a queue; that a slow one
//   takes longer, once it begins, costs places in the window but no throughput.
// - A replica that refuses is left alone for a pause that doubles, until it takes something.
// - What a replica says of itself is a claim, what it gives back is not. However quick it says that
//   it is, it holds no more than kMostAhead times what another one does. Who holds something and
//   has given nothing back for kLateDeadlines (longer, if it is slow by its own account), while
//   others have, is late: it gets nothing more until it gives back.
// Cost: linear in the replicas of a stage. Randomness: none.
#pragma once

#include <boost/container/flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "swarm/given.hpp"
#include "swarm/hop.hpp"
#include "swarm/options.hpp"
#include "swarm/peer_book.hpp"

namespace brigade::swarm {

class PathFinder {
 public:
  PathFinder(const Options& options, const PeerBook& peers);

  struct Choice {
    std::vector<Holder> path;  // from the next stage to the tail; empty: there is none
    const char* reason = "";   // a literal
  };
  /// `except`: an instance that will not do; 0: none.
  Choice choose(TimePoint now, std::uint64_t except = 0) const;
  /// Another than `present`, which it was used for, where that is free sooner, by `worth` at least.
  Choice choose_sooner(TimePoint now, const Holder& present, Duration worth) const;
  /// For what `lost` may have applied: its node's present instance, whose weights may contain it,
  /// or, if that takes nothing, any other.
  Choice choose_heir(TimePoint now, const Holder& lost) const;
  /// A head that may adopt `id` of `lost` (for the stage after heads); null: none. Its node's
  /// present instance if that can: it may have applied it.
  const PeerBook::Peer* choose_head(const MicrobatchId& id, const Holder& lost) const;
  void on_used(TimePoint now, const Holder& next);
  void on_refused(TimePoint now, const Holder& next);
  void on_taken(const Holder& next);
  /// A gradient came back.
  void on_back(TimePoint now, const Holder& next);
  /// It is not expected from there any more.
  void on_taken_back(const Holder& next);
  /// By instance, what is expected from it: the truth, told now and then.
  void set_held(TimePoint now, const std::map<std::uint64_t, std::uint32_t>& held);
  /// It has given nothing back for long, while others have.
  bool is_late(TimePoint now, const PeerBook::Peer& peer) const;
  /// What live replicas of the next stage have, for status.
  std::vector<Given> given(TimePoint now) const;

 private:
  struct Record {  // of one instance
    double credit = 0;
    std::uint8_t refusals = 0;
    TimePoint not_before;
    std::uint32_t since_offer = 0;  // used
    TimePoint offer_at;
    std::uint32_t held = 0;  // given, and neither back nor taken back
    TimePoint back_at;       // the last; or when it first held something
  };
  struct Candidate {
    const PeerBook::Peer* peer;
    double weight;
    double rate = 0;    // micro-batches a second
    double wait_s = 0;  // until it would be begun there
  };
  using Records = boost::container::flat_map<std::uint64_t, Record>;
  static double mean_pace(const std::vector<Candidate>& all);
  const Candidate* best_of(const std::vector<Candidate>& all) const;
  const PeerBook::Peer* opposite() const;
  double spread() const;
  std::vector<Candidate> candidates(TimePoint now, std::uint64_t except) const;
  const Record* record_of(const Holder& next) const;
  bool gives_nothing(TimePoint now, const PeerBook::Peer& peer) const;
  void leave_out_greedy(std::vector<Candidate>& all) const;

  std::uint32_t stages_;
  StageIndex stage_;
  NodeId self_;
  const PeerBook& peers_;
  Pauses pauses_;
  Duration late_;
  TimePoint back_at_;  // from anybody
  Records records_;    // by instance; those of candidates
};

}  // namespace brigade::swarm

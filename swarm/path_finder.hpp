// Which replica of the next stage gets the next micro-batch, and on which path.
//
// Rules
// - Only a live peer that is ready, offers a path and is not being backed off from.
// - Shares by speed: each use charges the replica that was used, and each replica's credit grows by
//   its weight, so over time all are used in proportion, also where several stages before ask the
//   same node, and where one suggestion is used several times or never (smooth weighted round
//   robin).
// - The weight is the measured rate, less while the expected finish (backlog by pace, and half a
//   round trip) is longer than the soonest replica's: speeds that were misjudged, or that others
//   use too, even out.
// - A replica that refuses is left alone for a pause that doubles, until it takes something.
// Cost: linear in the replicas of a stage. Randomness: none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

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
  /// A head that may adopt `id` (for the stage after heads); null: none.
  const PeerBook::Peer* choose_head(const MicrobatchId& id) const;
  void on_used(TimePoint now, const Holder& next);
  void on_refused(TimePoint now, const Holder& next);
  void on_taken(const Holder& next);

 private:
  struct Record {  // of one instance
    double credit = 0;
    std::uint8_t refusals = 0;
    TimePoint not_before;
  };
  struct Candidate {
    const PeerBook::Peer* peer;
    double weight;
  };
  std::vector<Candidate> candidates(TimePoint now, std::uint64_t except) const;

  std::uint32_t stages_;
  StageIndex stage_;
  const PeerBook& peers_;
  Pauses pauses_;
  std::map<std::uint64_t, Record> records_;  // by instance; those of candidates
};

}  // namespace brigade::swarm

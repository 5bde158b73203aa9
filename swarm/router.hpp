// Which peer gets what a stage is owed, with the reason.
//
// Rules
// - Only links to neighbours (stage ± 1) count: micro-batches go along the line.
// - Of several peers of one stage the link that has been up longest is taken: what is in flight
//   stays together. (Replicas will be told apart by load here.)
// - A peer that comes up again replaces its earlier link: either end may have noticed the break
//   first.
// - Bound: limits::kMaxLinks.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"

namespace brigade::swarm {

class Router {
 public:
  struct Choice {
    const NodeId* peer = nullptr;  // nullptr: nobody
    const char* reason = "";
  };

  Router(StageIndex self, std::uint32_t stages) : self_(self), stages_(stages) {}
  /// False: not a neighbour, or too many links; the link is not used.
  bool on_up(const NodeId& peer, StageIndex stage);
  /// The stage that the peer hosted, if its link counted.
  std::optional<StageIndex> on_down(const NodeId& peer);

  Choice choose(StageIndex stage) const;
  bool is_peer_of(const NodeId& peer, StageIndex stage) const;

 private:
  struct Link {
    NodeId peer;
    StageIndex stage;
  };
  StageIndex self_;
  std::uint32_t stages_;
  std::vector<Link> links_;  // two in a line without replicas: searched in order, oldest first
};

}  // namespace brigade::swarm

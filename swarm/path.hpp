// The way of one micro-batch through the replicas: a holder at each stage, fixed by its head.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace brigade::swarm {

/// One instance of a node. Another instance of the same node has lost everything that this one
/// held, so what is meant for a holder goes to that very instance or not at all.
struct Holder {
  NodeId node;
  std::uint64_t instance = 0;

  auto operator<=>(const Holder&) const = default;
};

struct Path {
  std::vector<Holder> holders;  // by stage, [head, …, tail]; the head is who may change the path
  std::uint32_t revision = 0;   // of several paths of a micro-batch the newest holds
  std::uint32_t given = 0;  // only holders of stages below this one can have the micro-batch yet
  Sequence floor;           // everything below of the same head (MicrobatchId) is closed

  const Holder& at(StageIndex stage) const { return holders[stage.value()]; }
};

/// What a node tells the stage before of itself: how soon it could compute one more, and on which
/// path it would go.
struct Offer {
  std::vector<Holder> path;  // from the sender to the tail; empty: it takes nothing new, or the
                             // receiver is not of the stage before
  std::uint32_t queue = 0;   // tasks that wait for its engine
  Duration pace{};           // computing time of one micro-batch; zero: not known yet
};

}  // namespace brigade::swarm

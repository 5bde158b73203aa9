// What a replica of the next stage got from this node, for status.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace brigade::swarm {

struct Given {
  NodeId node;
  std::uint32_t held = 0;  // micro-batches, neither back nor taken back
  Duration pace{};         // of one micro-batch, as it says; zero: not known yet
  bool is_late = false;    // gets no more until it gives back (PathFinder)
};

}  // namespace brigade::swarm

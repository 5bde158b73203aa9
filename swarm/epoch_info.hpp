// What all parts of a node know about the present epoch.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

struct EpochInfo {
  Epoch epoch;                               // 0: in none
  CheckpointId from;                         // what it started from
  std::optional<std::uint64_t> final_count;  // micro-batches of this epoch in all, once known

  std::uint64_t final_position() const { return from.position + final_count.value_or(0); }
};

}  // namespace brigade::swarm

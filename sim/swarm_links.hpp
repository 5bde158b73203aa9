// Who has links with whom in a swarm with replicas, and what the links are like: each host with
// some of the stage before, of the stage after and, where replicas average, of its own, chosen as
// daemon/members/neighbours.hpp chooses them. With few hosts a stage that is everybody.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/network.hpp"
#include "sim/swarm_scenario.hpp"

namespace brigade::sim {

inline constexpr std::size_t kLinksBeside = 8;  // that a host chooses; others choose it too
inline constexpr std::size_t kLinksOwn = 4;

std::vector<Network::Edge> links_of(const SwarmScenario& scenario);

}  // namespace brigade::sim

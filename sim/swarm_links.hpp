// Who has links with whom in a swarm with replicas, and what the links are like: each host with
// some of the stage before, of the stage after and, where replicas average, of its own, chosen as
// daemon/members/neighbours.hpp chooses them. With few hosts a stage that is everybody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sim/network.hpp"
#include "sim/swarm_scenario.hpp"

namespace brigade::sim {

std::vector<Network::Edge> links_of(const SwarmScenario& scenario);

/// Links that nodes ask for (swarm::LinkWanted), as a daemon's membership makes them, and that end
/// when neither side wants them any more.
class LinksOnDemand {
 public:
  /// `edges`: those that are always there; what is made is appended.
  LinksOnDemand(const SwarmScenario& scenario, std::vector<Network::Edge>& edges, Network& network);
  void want(TimePoint now, std::uint32_t host, std::uint32_t peer, bool is_wanted);

 private:
  struct Made {
    std::uint32_t edge = 0;
    std::set<std::uint32_t> by;  // who wants it
  };
  using Pair = std::pair<std::uint32_t, std::uint32_t>;

  const SwarmScenario& scenario_;
  std::vector<Network::Edge>& edges_;
  Network& network_;
  std::set<Pair> standing_;
  std::map<Pair, Made> made_;
};

}  // namespace brigade::sim

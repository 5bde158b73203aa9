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

#include "sim/event_queue.hpp"
#include "sim/network.hpp"
#include "sim/swarm_scenario.hpp"

namespace brigade::sim {

std::vector<Network::Edge> links_of(const SwarmScenario& scenario);

/// What becomes of them while a scenario runs: faults cut them, and nodes ask for others
/// (swarm::LinkWanted), which are made as a daemon's membership makes them, and end when neither
/// side wants them any more.
class SwarmLinks {
 public:
  SwarmLinks(const SwarmScenario& scenario, std::uint64_t seed, EventQueue& queue);

  Network& network() { return network_; }
  const Network::Edge& edge(std::uint32_t index) const { return edges_[index]; }
  /// kCut, kMute, kSplit: +1 when it begins, −1 when it ends.
  void cut(TimePoint now, const SwarmFault& fault, int by);
  void want(TimePoint now, std::uint32_t host, std::uint32_t peer, bool is_wanted);
  void forget(TimePoint now, std::uint32_t host);  // it died, and wants nothing
  void heal(TimePoint now);

 private:
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  std::uint32_t make(TimePoint now, const Pair& pair);
  void settle(TimePoint now, std::uint32_t index);

  const SwarmScenario& scenario_;
  std::vector<Network::Edge> edges_;
  Network network_;
  std::vector<int> cuts_;                   // faults on each edge
  std::vector<const SwarmFault*> cutting_;  // under way
  std::set<Pair> standing_;
  std::map<Pair, std::uint32_t> made_;                          // edges
  std::map<std::uint32_t, std::set<std::uint32_t>> wanted_by_;  // of those that were made
};

}  // namespace brigade::sim

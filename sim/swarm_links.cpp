#include "sim/swarm_links.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "base/random.hpp"

namespace brigade::sim {
namespace {

using Hosts = std::vector<std::uint32_t>;
using Pairs = std::set<std::pair<std::uint32_t, std::uint32_t>>;

std::vector<Hosts> hosts_by_stage(const SwarmScenario& scenario) {
  std::vector<Hosts> stages(scenario.stages);
  for (std::uint32_t host = 0; host < scenario.hosts(); ++host) {
    stages[scenario.stage_of(host)].push_back(host);
  }
  return stages;
}

/// `host` and those of `others` whose common hash is the smallest.
void choose(std::uint32_t host, Hosts others, std::size_t most, Pairs& pairs) {
  std::erase(others, host);
  if (others.size() > most) {
    const auto rank = [host](std::uint32_t other) {
      return mix_seed(std::min(host, other), std::max(host, other));
    };
    std::ranges::sort(others, {}, rank);
    others.resize(most);
  }
  for (const std::uint32_t other : others) {
    pairs.emplace(std::min(host, other), std::max(host, other));
  }
}

Distribution sum(const Distribution& a, const Distribution& b) {
  return uniform(a.base + b.base, a.spread + b.spread);
}

LinkModel between(const LinkModel& a, const LinkModel& b) {
  LinkModel model = a;
  model.latency = sum(a.latency, b.latency);
  if (b.bytes_per_second > 0 &&
      (a.bytes_per_second == 0 || b.bytes_per_second < a.bytes_per_second)) {
    model.bytes_per_second = b.bytes_per_second;
  }
  return model;
}

Network::Edge edge(const SwarmScenario& scenario, std::uint32_t a, std::uint32_t b) {
  return {a, b,
          scenario.lines.empty() ? scenario.link : between(scenario.lines[a], scenario.lines[b])};
}

}  // namespace

std::vector<Network::Edge> links_of(const SwarmScenario& scenario) {
  const std::vector<Hosts> stages = hosts_by_stage(scenario);
  const auto all = scenario.hosts();
  const std::size_t most_beside = scenario.links_beside > 0 ? scenario.links_beside : all;
  const std::size_t most_own = scenario.links_own > 0 ? scenario.links_own : all;
  Pairs beside;
  Pairs own;
  for (std::uint32_t host = 0; host < scenario.hosts(); ++host) {
    const std::uint32_t stage = scenario.stage_of(host);
    if (stage > 0) choose(host, stages[stage - 1], most_beside, beside);
    if (stage + 1 < scenario.stages) choose(host, stages[stage + 1], most_beside, beside);
    if (scenario.options.average_every > 0) choose(host, stages[stage], most_own, own);
  }
  std::vector<Network::Edge> edges;
  for (const Pairs* pairs : {&beside, &own}) {
    for (const auto& [a, b] : *pairs) {
      edges.push_back(edge(scenario, a, b));
    }
  }
  return edges;
}

LinksOnDemand::LinksOnDemand(const SwarmScenario& scenario, std::vector<Network::Edge>& edges,
                             Network& network)
    : scenario_(scenario), edges_(edges), network_(network) {
  for (const Network::Edge& one : edges) standing_.insert(std::minmax({one.a, one.b}));
}

void LinksOnDemand::want(TimePoint now, std::uint32_t host, std::uint32_t peer, bool is_wanted) {
  const Pair pair = std::minmax({host, peer});
  if (standing_.contains(pair)) return;
  const auto [known, is_new] = made_.try_emplace(pair);
  Made& made = known->second;
  if (is_wanted) {
    made.by.insert(host);
    if (is_new) {
      edges_.push_back(edge(scenario_, pair.first, pair.second));
      made.edge = network_.add(now, edges_.back());
    }
  } else {
    made.by.erase(host);
  }
  if (!is_new) network_.set_broken(now, made.edge, made.by.empty());
}

}  // namespace brigade::sim

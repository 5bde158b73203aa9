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

}  // namespace

std::vector<Network::Edge> links_of(const SwarmScenario& scenario) {
  const std::vector<Hosts> stages = hosts_by_stage(scenario);
  const bool is_full = scenario.placed.empty();
  const std::size_t most_beside = is_full ? scenario.hosts() : kLinksBeside;
  const std::size_t most_own = is_full ? scenario.hosts() : kLinksOwn;
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
      edges.push_back(
          {a, b,
           scenario.lines.empty() ? scenario.link : between(scenario.lines[a], scenario.lines[b])});
    }
  }
  return edges;
}

}  // namespace brigade::sim

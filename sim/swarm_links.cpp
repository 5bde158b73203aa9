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

Network::Edge edge_of(const SwarmScenario& scenario, std::uint32_t a, std::uint32_t b) {
  return {a, b,
          scenario.lines.empty() ? scenario.link : between(scenario.lines[a], scenario.lines[b])};
}

bool joins(const SwarmFault& fault, const Network::Edge& edge) {
  return (edge.a == fault.target && edge.b == fault.other) ||
         (edge.b == fault.target && edge.a == fault.other);
}

bool is_cut_by(const SwarmScenario& scenario, const SwarmFault& fault, const Network::Edge& edge) {
  using Kind = SwarmFault::Kind;
  const bool crosses = edge.a % scenario.replicas % 2 != edge.b % scenario.replicas % 2;
  return fault.kind == Kind::kSplit ? crosses : fault.kind == Kind::kCut && joins(fault, edge);
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
      edges.push_back(edge_of(scenario, a, b));
    }
  }
  return edges;
}

SwarmLinks::SwarmLinks(const SwarmScenario& scenario, std::uint64_t seed, EventQueue& queue)
    : scenario_(scenario),
      edges_(links_of(scenario)),
      network_(scenario.hosts(), edges_, seed, queue),
      cuts_(edges_.size(), 0) {
  for (const Network::Edge& one : edges_) standing_.insert(std::minmax({one.a, one.b}));
}

void SwarmLinks::cut(TimePoint now, const SwarmFault& fault, int by) {
  if (by > 0) {
    cutting_.push_back(&fault);
  } else {
    std::erase(cutting_, &fault);
  }
  for (std::uint32_t index = 0; index < edges_.size(); ++index) {
    if (fault.kind == SwarmFault::Kind::kMute && joins(fault, edges_[index])) {
      network_.set_silent(index, edges_[index].a == fault.target ? 0 : 1, by > 0);
    }
    if (!is_cut_by(scenario_, fault, edges_[index])) continue;
    cuts_[index] += by;
    settle(now, index);
  }
}

void SwarmLinks::want(TimePoint now, std::uint32_t host, std::uint32_t peer, bool is_wanted) {
  const Pair pair = std::minmax({host, peer});
  if (standing_.contains(pair)) return;
  const auto known = made_.find(pair);
  const std::uint32_t index = known == made_.end() ? make(now, pair) : known->second;
  if (is_wanted) {
    wanted_by_[index].insert(host);
  } else {
    wanted_by_[index].erase(host);
  }
  settle(now, index);
}

std::uint32_t SwarmLinks::make(TimePoint now, const Pair& pair) {
  edges_.push_back(edge_of(scenario_, pair.first, pair.second));
  const std::uint32_t index = made_[pair] = network_.add(now, edges_.back());
  cuts_.push_back(static_cast<int>(std::ranges::count_if(cutting_, [&](const SwarmFault* fault) {
    return is_cut_by(scenario_, *fault, edges_[index]);
  })));
  return index;
}

void SwarmLinks::forget(TimePoint now, std::uint32_t host) {
  for (auto& [index, by] : wanted_by_)
    if (by.erase(host) > 0) settle(now, index);
}

void SwarmLinks::heal(TimePoint now) {
  network_.heal(now);
  std::ranges::fill(cuts_, 0);
  cutting_.clear();
  for (const auto& [index, by] : wanted_by_) settle(now, index);
}

void SwarmLinks::settle(TimePoint now, std::uint32_t index) {
  const auto by = wanted_by_.find(index);
  const bool is_unwanted = by != wanted_by_.end() && by->second.empty();
  network_.set_broken(now, index, cuts_[index] > 0 || is_unwanted);
}

}  // namespace brigade::sim

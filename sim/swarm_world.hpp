// Drives the real cores of a swarm with replicas through a scenario in virtual time: a safety phase
// with faults until it is healed, then a liveness phase in which all must come to rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/checkers/checker.hpp"
#include "sim/swarm_branches.hpp"
#include "sim/swarm_scenario.hpp"
#include "sim/world.hpp"

namespace brigade::sim {

struct SwarmStep {
  TimePoint at;
  std::uint32_t host = 0;
  MicrobatchId id;
};
struct SwarmNote {  // what was said of a path
  TimePoint at;
  std::uint32_t host = 0;
  swarm::PathReported said;
};

struct SwarmResult {
  std::optional<Violation> violation;
  std::uint64_t trace_hash = 0;
  std::string trace_tail;  // filled in where there is a violation
  std::uint64_t events = 0;
  TimePoint ended;
  std::vector<SwarmStep> steps;
  std::vector<SwarmNote> notes;
  std::vector<std::uint64_t> applied;  // of each host, over all its instances
  std::uint64_t lost_progress = 0;     // applications by instances that died
  std::uint64_t written_off = 0;
  std::uint64_t lost = 0;  // messages
  SwarmBranches branches;
};

SwarmResult run(const SwarmScenario& scenario, std::uint64_t seed, const RunOptions& options);
std::string explain(const SwarmScenario& scenario, std::uint64_t seed, const SwarmResult& result);

}  // namespace brigade::sim

// The checkers find every fault that is planted in a copy of the core (faults.txt), and find
// nothing in the same copy while no fault is active.
#include <planted.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "sim/swarm_world.hpp"
#include "sim/world.hpp"
#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

constexpr std::uint64_t kStandardSeeds = 3;
constexpr std::uint64_t kRandomSeeds = 200;
// What depends on an instant: of the standard scenarios, when nothing else has shown it.
constexpr std::uint64_t kPatientSeeds = 20;

struct Finding {
  std::string scenario;
  std::uint64_t seed = 0;
  Violation violation;
};

/// The first violation, in the standard scenarios and then in random ones, by one of `checkers`;
/// by any where `checkers` is empty.
std::optional<Finding> find_in_lines(const std::string& checkers) {
  const auto probe = [&](const Scenario& scenario, std::uint64_t seed) -> std::optional<Finding> {
    RunOptions options;
    options.most_events = 500'000;
    const RunResult result = run(scenario, seed, options);
    if (!result.violation) return std::nullopt;
    const bool counts =
        checkers.empty() || checkers.find(result.violation->checker) != std::string::npos;
    return counts ? std::optional{Finding{scenario.name, seed, *result.violation}} : std::nullopt;
  };
  for (std::uint64_t seed = 1; seed <= kStandardSeeds; ++seed) {
    for (const Scenario& scenario : standard_scenarios()) {
      if (scenario.stages > 100) continue;
      if (auto found = probe(scenario, seed)) return found;
    }
  }
  for (std::uint64_t seed = 1; seed <= kRandomSeeds; ++seed) {
    if (auto found = probe(random_scenario(seed), seed)) return found;
  }
  return std::nullopt;
}

/// The same in swarms with replicas.
std::optional<Finding> find_in_swarms(const std::string& checkers) {
  const auto probe = [&](const SwarmScenario& scenario, std::uint64_t seed,
                         std::uint64_t steps) -> std::optional<Finding> {
    RunOptions options;
    options.most_events = 300'000;
    SwarmScenario hasty = scenario;  // what never comes to rest is not waited for
    hasty.options.steps = std::min(hasty.options.steps, steps);
    hasty.bound = 4 * hasty.options.forget_after + std::chrono::minutes{1};
    const SwarmResult result = run(hasty, seed, options);
    if (!result.violation) return std::nullopt;
    const bool counts =
        checkers.empty() || checkers.find(result.violation->checker) != std::string::npos;
    return counts ? std::optional{Finding{scenario.name, seed, *result.violation}} : std::nullopt;
  };
  for (const SwarmScenario& scenario : swarm_scenarios()) {
    if (auto found = probe(scenario, 1, 400)) return found;
  }
  for (std::uint64_t seed = 1; seed <= kRandomSeeds; ++seed) {
    if (auto found = probe(random_swarm_scenario(seed), seed, 400)) return found;
  }
  if (checkers.empty()) return std::nullopt;  // nothing is to be found
  for (const SwarmScenario& scenario : swarm_scenarios()) {
    for (std::uint64_t seed = 1; seed <= kPatientSeeds; ++seed) {
      if (auto found = probe(scenario, seed, 2000)) return found;
    }
  }
  return std::nullopt;
}

/// Of a fault that only swarms with replicas can show, `checkers` begins so.
constexpr const char* kSwarm = "swarm:";

std::optional<Finding> find_violation(const std::string& checkers) {
  if (checkers.starts_with(kSwarm)) return find_in_swarms(checkers);
  auto found = find_in_lines(checkers);
  return found || !checkers.empty() ? found : find_in_swarms(checkers);
}

TEST_CASE("nothing is found in the copy of the core while no fault is active") {
  faults::active = faults::Fault::none;
  const auto found = find_violation("");
  INFO((found ? found->scenario + ": " + found->violation.what : ""));
  CHECK_FALSE(found);
}

TEST_CASE("each planted fault is found by a checker that watches for it") {
  CHECK(faults::count >= 10);
  for (int i = 0; i < faults::count; ++i) {
    const faults::Planted& fault = faults::table[i];
    CAPTURE(fault.name, fault.about, fault.caught_by);
    faults::active = static_cast<faults::Fault>(i + 1);
    const auto found = find_violation(fault.caught_by);
    CHECK(found);
    if (!found) continue;
    std::printf("%-24s found by %-12s in %s, seed %llu: %s\n", fault.name,
                found->violation.checker.c_str(), found->scenario.c_str(),
                static_cast<unsigned long long>(found->seed), found->violation.what.c_str());
  }
  faults::active = faults::Fault::none;
}

}  // namespace
}  // namespace brigade::sim

// The table of standard scenarios, several seeds each.
#include <set>
#include <string>

#include "sim/reference.hpp"
#include "sim/world.hpp"
#include "tests/catch.hpp"
#include "tests/seeds.hpp"

namespace brigade::sim {
namespace {

constexpr std::uint64_t kSeeds = test::kIsSanitized ? 2 : 3;

RunResult run_checked(const Scenario& scenario, std::uint64_t seed) {
  RunResult result = run(scenario, seed, {});
  INFO(explain(scenario, seed, result));
  REQUIRE_FALSE(result.violation);
  return result;
}

TEST_CASE("every standard scenario ends as it must, and no checker objects") {
  for (const Scenario& scenario : standard_scenarios()) {
    if (scenario.stages > 100) continue;  // once, below
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const RunResult result = run_checked(scenario, seed);
      if (scenario.ending == Ending::kFinished) {
        CHECK(result.steps.back().step.position == scenario.options.steps);
      }
    }
  }
}

TEST_CASE("a line of 1,000 stages trains") {
  const Scenario* scenario = find_scenario("thousand-stages");
  REQUIRE(scenario != nullptr);
  const RunResult result = run_checked(*scenario, 1);
  CHECK(result.steps.size() == scenario->options.steps);
}

TEST_CASE("lock-step and gpipe give the weights of the schedule, whatever the network does") {
  std::uint32_t compared = 0;
  for (const Scenario& scenario : standard_scenarios()) {
    if (!scenario.has_exact_weights) continue;
    for (std::uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
      CAPTURE(scenario.name, seed);
      const RunResult result = run_checked(scenario, seed);
      CHECK(result.weights == reference_weights(scenario, seed, Epoch{result.epochs}));
      ++compared;
    }
  }
  CHECK(compared > 0);
}

TEST_CASE("asynchronous weights do depend on the network") {
  const Scenario* scenario = find_scenario("jitter");
  REQUIRE(scenario != nullptr);
  Scenario calm = *scenario;
  calm.link.latency = constant(Duration::zero());
  CHECK(run_checked(*scenario, 1).weights != run_checked(calm, 1).weights);
}

TEST_CASE("the same seed gives the same trace, another seed another one") {
  for (const char* name : {"jitter", "lossy", "crash-each-stage", "gpipe-lossy"}) {
    CAPTURE(name);
    const Scenario* scenario = find_scenario(name);
    REQUIRE(scenario != nullptr);
    std::set<std::uint64_t> hashes;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const RunResult first = run_checked(*scenario, seed);
      const RunResult again = run_checked(*scenario, seed);
      CHECK(first.trace_hash == again.trace_hash);
      CHECK(first.events == again.events);
      CHECK(first.ended == again.ended);
      CHECK(first.weights == again.weights);
      hashes.insert(first.trace_hash);
    }
    CHECK(hashes.size() == kSeeds);
  }
}

TEST_CASE("checkers only watch: a run without them does the same") {
  for (const char* name : {"lossy", "crash-each-stage"}) {
    const Scenario* scenario = find_scenario(name);
    REQUIRE(scenario != nullptr);
    RunOptions bare;
    bare.has_checks = false;
    const RunResult unchecked = run(*scenario, 1, bare);
    const RunResult checked = run_checked(*scenario, 1);
    CHECK(unchecked.events == checked.events);
    CHECK(unchecked.ended == checked.ended);
    CHECK(unchecked.weights == checked.weights);
  }
}

TEST_CASE("what is held does not grow with the length of a run") {
  const Scenario* scenario = find_scenario("line-8");
  REQUIRE(scenario != nullptr);
  Scenario longer = *scenario;
  longer.options.steps *= 5;
  CHECK(run_checked(longer, 1).most_held_bytes == run_checked(*scenario, 1).most_held_bytes);
}

TEST_CASE("a violation names seed, scenario, time and reason, and how to replay it") {
  Scenario scenario = *find_scenario("line-8");
  scenario.bound = std::chrono::milliseconds{300};
  const RunResult result = run(scenario, 5, {});
  REQUIRE(result.violation);
  const std::string text = explain(scenario, 5, result);
  for (const char* part : {"line-8", "seed 5", "virtual time 0.3", "VIOLATION (liveness)",
                           "brigade-sim --scenario line-8 --seed 5 --trace", "RunForward"}) {
    CAPTURE(part, text);
    CHECK(text.find(part) != std::string::npos);
  }
}

}  // namespace
}  // namespace brigade::sim

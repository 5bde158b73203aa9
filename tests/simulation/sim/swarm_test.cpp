// Swarms with replicas: the table of scenarios, random ones, and what they must be worth.
#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "sim/swarm_world.hpp"
#include "tests/catch.hpp"
#include "tests/seeds.hpp"

namespace brigade::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = swarm::PathReported::Kind;

constexpr std::uint64_t kSeeds = test::seeds(2);
constexpr std::uint64_t kRandomSeeds = test::seeds(300);

SwarmResult run_checked(const SwarmScenario& scenario, std::uint64_t seed) {
  SwarmResult result = run(scenario, seed, {});
  INFO(explain(scenario, seed, result));
  REQUIRE_FALSE(result.violation);
  return result;
}

TEST_CASE(
    "every scenario of a swarm comes to rest with everything applied, and no checker objects") {
  for (const SwarmScenario& scenario : swarm_scenarios()) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) run_checked(scenario, seed);
  }
}

TEST_CASE("no random swarm violates anything, and all together reach every rare branch") {
  SwarmBranches branches;
  std::uint64_t events = 0;
  for (std::uint64_t seed = 1; seed <= kRandomSeeds; ++seed) {
    const SwarmResult result = run_checked(random_swarm_scenario(seed), seed);
    branches.add(result.branches);
    events += result.events;
  }
  for (const SwarmScenario& scenario : swarm_scenarios()) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      branches.add(run_checked(scenario, seed).branches);
    }
  }
  std::string counts;
  for (std::size_t i = 0; i < kSwarmBranches; ++i) {
    const auto branch = static_cast<SwarmBranch>(i);
    CAPTURE(to_string(branch));
    // Who was replaced has mostly let go before it can speak: replica_core_test.cpp has that one.
    const bool is_too_rare = branch == SwarmBranch::kOldPath || test::kIsSanitized;
    CHECK((branches.of(branch) > 0 || is_too_rare));
    counts += std::string(", ") + to_string(branch) + " " + std::to_string(branches.of(branch));
  }
  WARN(events << " events" << counts);
}

TEST_CASE("nodes that drain lose nothing, have nothing given to others, and work again") {
  const SwarmScenario* scenario = find_swarm_scenario("swarm-drain");
  REQUIRE(scenario != nullptr);
  for (std::uint64_t seed = 1; seed <= 10 * kSeeds; ++seed) {
    const SwarmResult result = run_checked(*scenario, seed);
    CAPTURE(seed);
    CHECK(result.written_off == 0);
    CHECK(result.lost_progress == 0);
    CHECK(result.branches.of(SwarmBranch::kHandedBack) == 0);
    CHECK(result.branches.of(SwarmBranch::kLeftInTime) == 0);
    CHECK(result.branches.of(SwarmBranch::kTakenUp) == scenario->faults.size());
    const auto steps_of_head = [&](Duration from, Duration to) {
      return std::ranges::count_if(result.steps, [&](const SwarmStep& step) {
        return step.host == 1 && step.at >= TimePoint{} + from && step.at < TimePoint{} + to;
      });
    };
    CHECK(steps_of_head(seconds{6}, seconds{7}) > 0);
    CHECK(steps_of_head(seconds{8}, seconds{10}) == 0);
    CHECK(steps_of_head(milliseconds{10'500}, seconds{12}) > 0);
  }
}

TEST_CASE("the same seed gives the same swarm") {
  const SwarmScenario* scenario = find_swarm_scenario("swarm-restart");
  REQUIRE(scenario != nullptr);
  CHECK(run_checked(*scenario, 1).trace_hash == run_checked(*scenario, 1).trace_hash);
  CHECK(run_checked(*scenario, 1).trace_hash != run_checked(*scenario, 2).trace_hash);
}

/// Micro-batches a second that heads apply between `from` and `to`.
double rate(const SwarmResult& result, Duration from, Duration to) {
  const auto count = std::count_if(result.steps.begin(), result.steps.end(), [&](const auto& step) {
    return step.at >= TimePoint{} + from && step.at < TimePoint{} + to;
  });
  return static_cast<double>(count) / std::chrono::duration<double>(to - from).count();
}

/// Of the hosts that are alive: the least over the stages of what its replicas can do together.
double capacity(const SwarmScenario& scenario, const std::vector<std::uint32_t>& dead) {
  const DeviceModel& device = scenario.device;
  const double one =
      std::chrono::duration<double>(device.forward + device.backward + device.update).count();
  double least = 1e9;
  for (std::uint32_t stage = 0; stage < scenario.stages; ++stage) {
    double sum = 0;
    for (std::uint32_t replica = 0; replica < scenario.replicas; ++replica) {
      const std::uint32_t host = stage * scenario.replicas + replica;
      if (std::find(dead.begin(), dead.end(), host) != dead.end()) continue;
      double factor = 1;
      for (const auto& [slow, times] : scenario.slowness) {
        if (slow == host) factor = times;
      }
      sum += 1 / (one * factor);
    }
    least = std::min(least, sum);
  }
  return least;
}

SwarmScenario endless(const char* name) {
  SwarmScenario scenario = *find_swarm_scenario(name);
  scenario.options.steps = 100'000;
  scenario.faults.clear();
  scenario.heals_at = seconds{60};
  scenario.bound = Duration::zero();  // cut off there: the rate is what counts
  return scenario;
}

TEST_CASE("replicas that differ by eight times do nine tenths of what they could") {
  for (std::uint64_t seed = 1; seed <= test::seeds(3); ++seed) {
    const SwarmScenario scenario = endless("swarm-unequal");
    const SwarmResult result = run(scenario, seed, {});
    const double most = capacity(scenario, {});
    const double got = rate(result, seconds{20}, seconds{60});
    CAPTURE(seed, most, got);
    CHECK(got >= 0.9 * most);
    if (seed == 1) WARN("unequal: " << got << " of " << most << " a second");
  }
}

TEST_CASE("after nodes have died for good, those that are left do nine tenths of what they could") {
  SwarmScenario scenario = endless("swarm-unequal");
  scenario.faults = {{SwarmFault::Kind::kKill, seconds{5}, 4},
                     {SwarmFault::Kind::kKill, seconds{6}, 12}};
  const SwarmResult result = run(scenario, 1, {});
  const double most = capacity(scenario, {4, 12});
  const double got = rate(result, seconds{20}, seconds{60});
  CAPTURE(most, got);
  CHECK(got >= 0.9 * most);
  WARN("two dead: " << got << " of " << most << " a second");
}

/// Replicas of one stage that average every `every` updates, on links as between homes.
SwarmScenario averaging(std::uint32_t replicas, std::uint32_t every) {
  SwarmScenario scenario = *find_swarm_scenario("swarm-one-stage");
  scenario.replicas = replicas;
  scenario.faults.clear();
  scenario.heals_at = seconds{0};
  scenario.options.average_every = every;
  scenario.options.steps = 8000;
  return scenario;
}

/// What all replicas apply for 8000 steps of the run.
std::uint64_t applied_for_steps(const SwarmScenario& scenario, std::uint64_t seed) {
  const SwarmResult result = run_checked(scenario, seed);
  std::uint64_t applied = 0;
  for (const std::uint64_t of_one : result.applied) applied += of_one;
  return applied;
}

TEST_CASE("replicas that average end the run when they have applied its steps together") {
  for (const std::uint32_t replicas : {2U, 4U, 8U}) {
    for (std::uint64_t seed = 1; seed <= test::seeds(3); ++seed) {
      SwarmScenario scenario = averaging(replicas, 10);
      const std::uint64_t alike = applied_for_steps(scenario, seed);
      scenario.slowness = {{1, 4}, {2, 8}, {3, 2}};
      const std::uint64_t unlike = applied_for_steps(scenario, seed);
      CAPTURE(replicas, seed, alike, unlike);
      CHECK(alike >= 7950);
      CHECK(alike <= 8150);
      CHECK(unlike >= 7900);
      CHECK(unlike <= 8150);
      if (seed == 1) {
        WARN(replicas << " replicas apply " << alike << " for 8000 steps, with speeds from 1 to 8 "
                      << unlike);
      }
    }
  }
}

TEST_CASE("replicas that have links with some of the others alone count them all") {
  SwarmScenario scenario = averaging(12, 10);
  scenario.placed.assign(12, 0);  // with links as daemons choose them
  const std::uint64_t applied = applied_for_steps(scenario, 1);
  CAPTURE(applied);
  CHECK(applied >= 7900);
  CHECK(applied <= 8250);
}

TEST_CASE("two replicas that ask at the same rhythm average at that rate, and train no slower") {
  const SwarmScenario alone = averaging(2, 100'000);
  const SwarmScenario scenario = averaging(2, 20);
  const SwarmResult result = run_checked(scenario, 1);
  const std::uint64_t updates = result.applied[0] + result.applied[1];
  const std::uint64_t blends = result.branches.of(SwarmBranch::kAveraged);
  CAPTURE(updates, blends);
  CHECK(blends >= updates / 20);
  const double with = rate(result, seconds{2}, seconds{12});
  const double without = rate(run_checked(alone, 1), seconds{2}, seconds{12});
  CAPTURE(with, without);
  CHECK(with >= 0.97 * without);
  WARN(blends << " blends of " << updates << " updates; " << with << " a second, alone "
              << without);
}

TEST_CASE("what a restarted tail or middle held is mended within a second of its return") {
  for (const std::uint32_t victim : {2U, 4U}) {
    SwarmScenario scenario = *find_swarm_scenario("swarm-calm");
    scenario.faults = {{SwarmFault::Kind::kKill, seconds{4}, victim, 0, milliseconds{500}}};
    scenario.heals_at = seconds{8};
    const SwarmResult result = run_checked(scenario, 1);
    std::uint32_t mended = 0;
    std::map<MicrobatchId, TimePoint> waits;
    for (const SwarmNote& note : result.notes) {
      if (note.said.kind == Kind::kMended) waits[note.said.id] = note.at;
    }
    for (const SwarmStep& step : result.steps) {
      const auto found = waits.find(step.id);
      if (found == waits.end()) continue;
      ++mended;
      CHECK(found->second < TimePoint{} + seconds{4} + milliseconds{500} + seconds{1});
      CHECK(step.at < TimePoint{} + seconds{4} + milliseconds{500} + milliseconds{1500});
    }
    CAPTURE(victim);
    CHECK(mended > 0);
    CHECK(result.written_off == 0);
  }
}

TEST_CASE("a replica that lies about its speed and gives nothing back ends with nothing") {
  const SwarmScenario& scenario = *find_swarm_scenario("swarm-liar");
  const SwarmResult result = run_checked(scenario, 1);
  const double honest = capacity(scenario, {4});
  INFO("micro-batches a second: " << rate(result, seconds{1}, seconds{8}) << ", then "
                                  << rate(result, seconds{12}, seconds{60}) << " of " << honest);
  // What it holds, no more than eight times what another does, takes places in windows.
  CHECK(rate(result, seconds{1}, seconds{8}) > 0.3 * honest);
  CHECK(rate(result, seconds{12}, seconds{60}) > 0.5 * honest);
  CHECK(result.applied[4] == 0);
  CHECK(result.written_off > 0);  // told, not silent
}

}  // namespace
}  // namespace brigade::sim

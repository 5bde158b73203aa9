// Five hundred scenarios drawn from seeds: losses, duplicates, broken and silent links, crashes and
// restarts, slow devices, bytes that do not decode, failing disks, stops. First nothing may be
// violated; then everything heals and the run must end.
#include <string>

#include "sim/world.hpp"
#include "tests/catch.hpp"
#include "tests/seeds.hpp"

namespace brigade::sim {
namespace {

constexpr std::uint64_t kSeeds = test::seeds(500);

TEST_CASE(
    "500 random scenarios: nothing is violated, everything recovers, every branch is reached") {
  BranchCounts branches;
  std::uint64_t lost = 0, duplicated = 0, events = 0;
  std::uint32_t healed = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Scenario scenario = random_scenario(seed);
    const RunResult result = run(scenario, seed, {});
    INFO(explain(scenario, seed, result));
    REQUIRE_FALSE(result.violation);
    branches.add(result.branches);
    lost += result.lost;
    duplicated += result.duplicated;
    events += result.events;
    healed += result.epochs > 1 ? 1 : 0;
  }
  for (std::size_t i = 0; i < kBranches; ++i) {
    const auto branch = static_cast<Branch>(i);
    if (branch == Branch::kAnsweredBusy) continue;  // bounds far beyond these windows
    if (test::kIsSanitized) continue;               // too few seeds to reach all
    CAPTURE(to_string(branch));
    CHECK(branches.of(branch) > 0);
  }
  CHECK(lost > test::seeds(5'000));
  CHECK(duplicated > test::seeds(3'000));
  CHECK(healed > test::seeds(100));
  WARN(events << " events, " << lost << " messages lost, " << duplicated << " duplicated, "
              << healed << " runs healed in a later epoch");
}

}  // namespace
}  // namespace brigade::sim

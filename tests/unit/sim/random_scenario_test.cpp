#include <algorithm>
#include <set>
#include <string>

#include "base/limits.hpp"
#include "sim/scenario.hpp"
#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

TEST_CASE("a random scenario is a function of its seed, within the bounds of the core") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    const Scenario scenario = random_scenario(seed);
    CHECK(describe(scenario) == describe(random_scenario(seed)));
    REQUIRE(scenario.stages >= 1);
    CHECK(scenario.options.window <= limits::kMaxWindow);
    CHECK(scenario.options.accumulate >= 1);
    CHECK(scenario.options.steps >= 1);
    for (const Fault& fault : scenario.faults) {
      CHECK(fault.at <= scenario.heals_at);
      CHECK(fault.target < scenario.stages);
    }
  }
}

TEST_CASE("random scenarios draw every schedule and every kind of fault") {
  std::set<Fault::Kind> kinds;
  std::uint32_t gpipe = 0, early = 0, lock_step = 0, lossy = 0, stops = 0, found = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Scenario scenario = random_scenario(seed);
    for (const Fault& fault : scenario.faults) kinds.insert(fault.kind);
    gpipe += scenario.options.schedule == swarm::Schedule::kGpipe ? 1 : 0;
    early += scenario.options.schedule == swarm::Schedule::k1f1b ? 1 : 0;
    found += scenario.options.window == 0 ? 1 : 0;
    lock_step += scenario.options.lock_step ? 1 : 0;
    lossy += scenario.link.loss > 0 ? 1 : 0;
    stops += scenario.ending == Ending::kSaved ? 1 : 0;
  }
  CHECK(kinds.size() >= 8);
  CHECK(found > 40);
  CHECK(gpipe > 20);
  CHECK(early > 20);
  CHECK(lock_step > 10);
  CHECK(lossy > 100);
  CHECK(stops > 10);
}

TEST_CASE("standard scenarios have distinct names and say what they are about") {
  std::set<std::string> names;
  for (const Scenario& scenario : standard_scenarios()) {
    CHECK(names.insert(scenario.name).second);
    CHECK_FALSE(scenario.about.empty());
    CHECK(find_scenario(scenario.name) == &scenario);
  }
  CHECK(find_scenario("no such scenario") == nullptr);
}

}  // namespace
}  // namespace brigade::sim

// Window control against fixed windows of every size, on networks that are steady, that vary, and
// that change: as fast as the best of them, and hardly staler than the smallest one that is as
// fast.
// One seed, for time's sake: brigade-sim --windows shows others.
#include "sim/window_sweep.hpp"
#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

constexpr double kLeastRate = 0.97;     // of the best fixed window's
constexpr double kMostStaleness = 1.3;  // times that of the smallest fixed window as fast

TEST_CASE("the window that the head finds is as fast as the best and nearly the smallest such") {
  for (const WindowNetwork& network : window_networks()) {
    const WindowSweep sweep = sweep_windows(network, 1);
    CAPTURE(network.scenario.name, sweep.best.window, sweep.best.rate, sweep.smallest.window,
            sweep.smallest.staleness, sweep.mean_window, sweep.found.rate, sweep.found.staleness);
    CHECK(sweep.found.rate >= kLeastRate * sweep.best.rate);
    CHECK(sweep.found.staleness <= kMostStaleness * sweep.smallest.staleness);
    // Else the sweep says nothing about larger windows.
    CHECK(sweep.smallest.window < network.largest);
  }
}

TEST_CASE("checkers agree with a head that changes its window") {
  for (const char* name : {"jittered", "link halves"}) {
    for (const WindowNetwork& network : window_networks()) {
      if (network.scenario.name != name) continue;
      Scenario scenario = network.scenario;
      scenario.options.window = 0;
      scenario.faults.push_back(
          {Fault::Kind::kStop, std::chrono::seconds{34}, 0, Duration::zero(), 1});
      const RunResult result = run(scenario, 2, {});
      INFO(explain(scenario, 2, result));
      CHECK_FALSE(result.violation);
      CHECK(result.windows.size() > 3);
    }
  }
}

}  // namespace
}  // namespace brigade::sim

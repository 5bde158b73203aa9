// A whole line in virtual time, to the nanosecond: what a pipeline costs can be worked out by hand.
#include <chrono>

#include "sim/world.hpp"
#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

using std::chrono::milliseconds;

/// Forward 5 ms, backward 10 ms, update 1 ms, one way 10 ms, and everything else takes no time but
/// the restore, 20 ms.
Scenario simple_line(std::uint32_t stages, std::uint32_t window) {
  Scenario scenario;
  scenario.name = "simple-line";
  scenario.stages = stages;
  scenario.options.window = window;
  scenario.options.steps = 20;
  scenario.device = {.forward = milliseconds{5},
                     .backward = milliseconds{10},
                     .update = milliseconds{1},
                     .snapshot = Duration::zero(),
                     .restore = milliseconds{20}};
  scenario.link.latency = constant(milliseconds{10});
  scenario.link.redial = constant(Duration::zero());
  scenario.disk.store = constant(Duration::zero());
  return scenario;
}

std::vector<TimePoint> step_times(const Scenario& scenario) {
  const RunResult result = run(scenario, 1, {});
  INFO(explain(scenario, 1, result));
  REQUIRE_FALSE(result.violation);
  std::vector<TimePoint> times;
  for (const TimedStep& step : result.steps) times.push_back(step.at);
  REQUIRE(times.size() == scenario.options.steps);
  return times;
}

TEST_CASE("one stage: restore, then forward, backward and update one after another") {
  const auto times = step_times(simple_line(1, 1));
  for (std::size_t i = 0; i < times.size(); ++i) {
    CHECK(times[i] == TimePoint{} + milliseconds{20 + 15 + 16 * static_cast<int>(i)});
  }
}

TEST_CASE("two stages, window 1: the first step comes after one beacon up, one down, one up") {
  // 10 the tail's beacon, 10 the head's, 20 restore, 10 the tail is ready; then there and back:
  // forward 5, link 10, forward 5, backward 10, link 10, backward 10. The update of the tail runs
  // while the gradient travels; that of the head, 1, comes before its next forward.
  const auto times = step_times(simple_line(2, 1));
  for (std::size_t i = 0; i < times.size(); ++i) {
    CHECK(times[i] == TimePoint{} + milliseconds{50 + 50 + 51 * static_cast<int>(i)});
  }
}

TEST_CASE("serialisation is paid on the way there and on the way back") {
  Scenario scenario = simple_line(2, 1);
  scenario.activation_bytes = 99'904;  // and 96 of header: a tenth of a second, in one part
  scenario.link.bytes_per_second = 1'000'000;
  const auto times = step_times(scenario);
  for (std::size_t i = 1; i < times.size(); ++i) {
    CHECK(times[i] - times[i - 1] == milliseconds{51 + 100 + 100});
  }
}

TEST_CASE("with a window that fills the line the busiest stage sets the pace") {
  const auto times = step_times(simple_line(4, 16));
  for (std::size_t i = 20; i < times.size(); ++i) {
    CAPTURE(i);
    CHECK(times[i] - times[i - 1] == milliseconds{16});
  }
  const auto span = times.back() - times.front();
  CHECK(span >= milliseconds{16} * 15);
  CHECK(span <= milliseconds{16} * 19);
}

TEST_CASE("a stage that is twice as slow halves the pace of the whole line") {
  Scenario scenario = simple_line(4, 16);
  scenario.options.steps = 60;
  const auto fast = step_times(scenario);
  DeviceModel slow = scenario.device;
  slow.forward *= 2;
  slow.backward *= 2;
  slow.update *= 2;
  scenario.other_devices = {{2, slow}};
  const auto slowed = step_times(scenario);
  const double ratio = std::chrono::duration<double>(slowed.back() - slowed.front()) /
                       std::chrono::duration<double>(fast.back() - fast.front());
  CHECK(ratio > 1.8);
  CHECK(ratio < 2.1);
}

}  // namespace
}  // namespace brigade::sim

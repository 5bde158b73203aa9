#include "sim/event_queue.hpp"

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

TEST_CASE("what is due comes out in the order of time, then of scheduling") {
  Random random(7);
  EventQueue queue;
  std::vector<std::pair<Duration::rep, std::uint32_t>> expected;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const auto at = static_cast<Duration::rep>(random.below(200));
    queue.push(TimePoint{Duration{at}}, DueKind::kWake, i, 0);
    expected.emplace_back(at, i);
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [at, target] : expected) {
    const Due due = queue.pop();
    REQUIRE(due.at.time_since_epoch().count() == at);
    REQUIRE(due.target == target);
  }
  CHECK(queue.is_empty());
}

TEST_CASE("what is scheduled while others come out takes its place") {
  EventQueue queue;
  queue.push(TimePoint{Duration{10}}, DueKind::kWake, 1, 0);
  queue.push(TimePoint{Duration{30}}, DueKind::kWake, 3, 0);
  CHECK(queue.pop().target == 1);
  queue.push(TimePoint{Duration{20}}, DueKind::kWake, 2, 0);
  CHECK(queue.pop().target == 2);
  CHECK(queue.pop().target == 3);
}

}  // namespace
}  // namespace brigade::sim

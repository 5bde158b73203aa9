// Timers and the throttle beside models that keep plain lists.
#include "swarm/hop.hpp"

#include <map>

#include "base/random.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {
namespace {

TimePoint at(std::uint64_t milliseconds) {
  return TimePoint{} + std::chrono::milliseconds{milliseconds};
}

}  // namespace

TEST_CASE("a slot wakes at its earliest time, never late, in order, and once") {
  for_seeds(60, [](std::uint64_t seed) {
    Random random(seed);
    SlotTimers timers;
    std::map<SlotTimers::Slot, TimePoint> model;  // earliest time armed since it last woke
    std::uint64_t now = 0;
    for (int step = 0; step < 3000; ++step) {
      if (random.chance(0.6)) {
        const auto slot = static_cast<SlotTimers::Slot>(random.below(40));
        const TimePoint due = at(now + random.below(100));
        timers.arm(slot, due);
        const auto [it, is_new] = model.emplace(slot, due);
        if (!is_new) it->second = std::min(it->second, due);
      } else {
        now += random.below(30);
        TimePoint last = TimePoint::min();
        SlotTimers::Slot slot = 0;
        while (timers.pop(at(now), slot)) {
          REQUIRE(model.contains(slot));
          REQUIRE(model[slot] <= at(now));
          REQUIRE(model[slot] >= last);
          last = model[slot];
          model.erase(slot);
        }
      }
      TimePoint next = kNever;
      for (const auto& [slot, due] : model) next = std::min(next, due);
      REQUIRE(timers.next() == next);
    }
  });
}

TEST_CASE("in any span of a deadline at most two budgets of repeats pass, and one is not refused") {
  for_seeds(40, [](std::uint64_t seed) {
    Random random(seed);
    const Duration deadline = std::chrono::milliseconds{6400};
    Throttle throttle(deadline);
    std::vector<TimePoint> passed;
    std::uint64_t now = 0;
    for (int step = 0; step < 4000; ++step) {
      now += random.below(random.chance(0.01) ? 20'000 : 60);
      const TimePoint allowed = throttle.take(at(now));
      REQUIRE(allowed >= at(now));
      REQUIRE(allowed <= at(now) + deadline);
      if (allowed == at(now)) passed.push_back(allowed);
      std::int64_t recent = 0;
      for (auto it = passed.rbegin(); it != passed.rend() && *it > at(now) - deadline; ++it) {
        ++recent;
      }
      REQUIRE(recent <= 2 * Throttle::kRepeatsADeadline);
      if (allowed != at(now)) REQUIRE(recent >= Throttle::kRepeatsADeadline / 2);
    }
  });
}

}  // namespace brigade::swarm::test

#include "swarm/pace_meter.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using Work = PaceMeter::Work;

struct Engine {
  PaceMeter meter{1};
  TimePoint now{};
  std::uint64_t applied = 0;

  void work(Work work, Duration takes, bool applies) {
    meter.note(now, work, applied);
    now += takes;
    if (applies) ++applied;
    meter.note(now, Work::kNone, applied);
  }
  void microbatch(Duration forward, Duration backward) {
    work(Work::kForward, forward, false);
    now += milliseconds{7};  // idle
    work(Work::kOther, backward, true);
  }
};

}  // namespace

TEST_CASE("the pace is computing time, whatever the engine waits in between") {
  Engine engine;
  for (std::uint32_t i = 0; i + 1 < PaceMeter::kBlock; ++i) {
    engine.microbatch(milliseconds{2}, milliseconds{4});
    CHECK(engine.meter.microbatch() == Duration::zero());
  }
  engine.microbatch(milliseconds{2}, milliseconds{4});
  CHECK(engine.meter.microbatch() == milliseconds{6});
}

TEST_CASE("forwards beyond what is applied do not change the pace") {
  Engine engine;
  for (int i = 0; i < 100; ++i) {
    engine.microbatch(milliseconds{2}, milliseconds{4});
    engine.work(Work::kForward, milliseconds{2}, false);  // an evaluation, or a growing window
  }
  CHECK(engine.meter.microbatch() == milliseconds{6});
}

TEST_CASE("noise is averaged, another device is noticed within two blocks") {
  Engine engine;
  for (int i = 0; i < 1600; ++i) engine.microbatch(milliseconds{2 + i % 2}, milliseconds{4});
  CHECK(engine.meter.microbatch() == std::chrono::microseconds{6500});
  for (std::uint32_t i = 0; i < 2 * PaceMeter::kBlock; ++i) {
    engine.microbatch(milliseconds{10}, milliseconds{20});
  }
  CHECK(engine.meter.microbatch() == milliseconds{30});
}

TEST_CASE("a block ends with whole updates, and an epoch begins anew") {
  PaceMeter meter(24);
  TimePoint now{};
  for (std::uint64_t applied = 1; applied <= 24; ++applied) {
    meter.note(now, Work::kOther, applied - 1);
    CHECK(meter.microbatch() == Duration::zero());
    now += milliseconds{applied == 24 ? 28 : 4};  // with the update
    meter.note(now, Work::kNone, applied);
  }
  CHECK(meter.microbatch() == milliseconds{5});
  meter.restart();
  CHECK(meter.microbatch() == Duration::zero());
}

}  // namespace brigade::swarm

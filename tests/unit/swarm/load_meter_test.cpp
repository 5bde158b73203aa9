#include "swarm/load_meter.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using Work = LoadMeter::Work;

constexpr StageIndex kStage{1};

struct Engine {
  LoadMeter meter{kStage, 1};
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
  for (std::uint32_t i = 0; i + 1 < LoadMeter::kBlock; ++i) {
    engine.microbatch(milliseconds{2}, milliseconds{4});
    CHECK(engine.meter.pace() == Duration::zero());
  }
  engine.microbatch(milliseconds{2}, milliseconds{4});
  CHECK(engine.meter.pace() == milliseconds{6});
}

TEST_CASE("forwards beyond what is applied do not change the pace") {
  Engine engine;
  for (int i = 0; i < 100; ++i) {
    engine.microbatch(milliseconds{2}, milliseconds{4});
    engine.work(Work::kForward, milliseconds{2}, false);  // an evaluation, or a growing window
  }
  CHECK(engine.meter.pace() == milliseconds{6});
}

TEST_CASE("noise is averaged, another device is noticed within two blocks") {
  Engine engine;
  for (int i = 0; i < 1600; ++i) engine.microbatch(milliseconds{2 + i % 2}, milliseconds{4});
  CHECK(engine.meter.pace() == std::chrono::microseconds{6500});
  for (std::uint32_t i = 0; i < 2 * LoadMeter::kBlock; ++i) {
    engine.microbatch(milliseconds{10}, milliseconds{20});
  }
  CHECK(engine.meter.pace() == milliseconds{30});
}

TEST_CASE("a block ends with whole updates, and an epoch begins anew") {
  LoadMeter meter(kStage, 24);
  TimePoint now{};
  for (std::uint64_t applied = 1; applied <= 24; ++applied) {
    meter.note(now, Work::kOther, applied - 1);
    CHECK(meter.pace() == Duration::zero());
    now += milliseconds{applied == 24 ? 28 : 4};  // with the update
    meter.note(now, Work::kNone, applied);
  }
  CHECK(meter.pace() == milliseconds{5});
  meter.restart();
  CHECK(meter.pace() == Duration::zero());
}

TEST_CASE("between two moments the counters tell how busy the stage was") {
  Engine engine;
  const Load before = engine.meter.own(engine.now);
  for (int i = 0; i < 10; ++i) engine.microbatch(milliseconds{2}, milliseconds{4});
  engine.meter.note(engine.now, Work::kForward, engine.applied);
  engine.now += milliseconds{1};  // in the middle of a forward
  const Load after = engine.meter.own(engine.now);
  CHECK(after.stage == kStage);
  CHECK(after.computing - before.computing == milliseconds{61});
  CHECK(after.elapsed - before.elapsed == milliseconds{131});
}

TEST_CASE("the slowest stage of the line is told of, and stays it while none is clearly slower") {
  Engine engine;
  const auto after = [](milliseconds pace) {
    return Load{StageIndex{3}, pace, std::chrono::seconds{1}, std::chrono::seconds{2}};
  };
  const auto slowest = [&] { return engine.meter.line(engine.now).stage; };
  for (std::uint32_t i = 0; i < LoadMeter::kBlock; ++i) {
    engine.microbatch(milliseconds{2}, milliseconds{6});
  }
  CHECK(slowest() == kStage);
  engine.meter.hear(after(milliseconds{8}));
  CHECK(slowest() == StageIndex{3});
  CHECK(engine.meter.line(engine.now) == after(milliseconds{8}));
  engine.meter.hear(after(milliseconds{7}));
  CHECK(slowest() == kStage);
  engine.meter.hear(after(milliseconds{9}));
  CHECK(slowest() == kStage);
  engine.meter.hear(after(milliseconds{10}));
  CHECK(slowest() == StageIndex{3});
}

}  // namespace brigade::swarm

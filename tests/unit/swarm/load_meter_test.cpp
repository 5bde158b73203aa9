#include "swarm/load_meter.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using Work = LoadMeter::Work;

constexpr StageIndex kStage{1};

struct Engine {
  LoadMeter meter{kStage, false, 1};
  TimePoint now{};
  std::uint64_t applied = 0;

  Duration pace() const { return meter.own(now).pace; }
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
    CHECK(engine.pace() == Duration::zero());
  }
  engine.microbatch(milliseconds{2}, milliseconds{4});
  CHECK(engine.pace() == milliseconds{6});
}

TEST_CASE("forwards beyond what is applied do not change the pace") {
  Engine engine;
  for (int i = 0; i < 100; ++i) {
    engine.microbatch(milliseconds{2}, milliseconds{4});
    engine.work(Work::kForward, milliseconds{2}, false);  // an evaluation, or a growing window
  }
  CHECK(engine.pace() == milliseconds{6});
}

TEST_CASE("noise is averaged, another device is noticed within two blocks") {
  Engine engine;
  for (int i = 0; i < 1600; ++i) engine.microbatch(milliseconds{2 + i % 2}, milliseconds{4});
  CHECK(engine.pace() == std::chrono::microseconds{6500});
  for (std::uint32_t i = 0; i < 2 * LoadMeter::kBlock; ++i) {
    engine.microbatch(milliseconds{10}, milliseconds{20});
  }
  CHECK(engine.pace() == milliseconds{30});
}

TEST_CASE("a block ends with whole updates, and an epoch begins anew") {
  LoadMeter meter(kStage, false, 24);
  TimePoint now{};
  const auto work = [&](Duration takes, std::uint64_t in_weights) {
    meter.note(now, Work::kOther, 0);
    CHECK(meter.own(now).pace == Duration::zero());
    now += takes;
    meter.note(now, Work::kNone, in_weights);
  };
  for (int backward = 0; backward < 24; ++backward) work(milliseconds{4}, 0);
  work(milliseconds{24}, 24);  // the update
  CHECK(meter.own(now).pace == milliseconds{5});
  meter.hear({StageIndex{2}, milliseconds{9}, milliseconds{1}, milliseconds{2}});
  CHECK(meter.line(now).stage == StageIndex{2});
  meter.restart();
  CHECK(meter.own(now) == Load{kStage, {}, {}, {}});
  CHECK(meter.line(now) == Load{kStage, {}, {}, {}});
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
  CHECK(engine.meter.line(engine.now).pace == Duration::zero());  // the stage after said nothing
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

TEST_CASE("the tail is the slowest stage from itself on") {
  LoadMeter meter(kStage, true, 1);
  TimePoint now{};
  for (std::uint32_t i = 1; i <= LoadMeter::kBlock; ++i) {
    meter.note(now, Work::kOther, i - 1);
    now += milliseconds{5};
    meter.note(now, Work::kNone, i);
  }
  CHECK(meter.line(now) == Load{kStage, milliseconds{5}, milliseconds{80}, milliseconds{80}});
}

}  // namespace brigade::swarm

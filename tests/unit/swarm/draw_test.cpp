#include "swarm/draw.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

Draw::View ready() {
  Draw::View view;
  view.is_ready = true;
  return view;
}

}  // namespace

TEST_CASE("the window bounds what is in flight, evaluation included") {
  Options options;
  options.window = 4;
  Draw draw(options);
  Draw::View view = ready();
  view.in_flight = 3;
  CHECK(draw.decide(view).draws);
  view.evaluations = 1;
  CHECK_FALSE(draw.decide(view).draws);
  CHECK(draw.decide(view).reason == std::string("a gradient: the window is full"));
}

TEST_CASE("nothing is drawn before the line is ready, nor while an evaluation comes first") {
  Options options;
  Draw draw(options);
  CHECK_FALSE(draw.decide({}).draws);
  Draw::View view = ready();
  view.is_evaluating_first = true;
  CHECK_FALSE(draw.decide(view).draws);
}

TEST_CASE("steps count over the whole run") {
  Options options;
  options.steps = 12;
  Draw draw(options);
  draw.restart(10);
  CHECK(draw.take().sequence == Sequence{0});
  CHECK(draw.has_steps_left());
  CHECK(draw.final_count(false) == std::nullopt);
  CHECK(draw.take().sequence == Sequence{1});
  CHECK_FALSE(draw.decide(ready()).draws);
  CHECK(draw.final_count(false) == 2U);
}

TEST_CASE("a run without end ends when it is stopped") {
  Draw draw(Options{});
  draw.restart(0);
  draw.take();
  CHECK(draw.final_count(false) == std::nullopt);
  CHECK(draw.final_count(true) == 1U);
}

TEST_CASE("1f1b draws a group as its stages come free, and the next after the flush") {
  Options options;
  options.schedule = Schedule::k1f1b;
  options.stages = 2;
  options.accumulate = 3;
  Draw draw(options);
  draw.restart(0);
  Draw::View view = ready();
  for (view.in_flight = 0; view.in_flight < 2; ++view.in_flight) {
    CHECK(draw.decide(view).draws);
    draw.take();
  }
  CHECK_FALSE(draw.decide(view).draws);
  view.in_flight = 1;
  CHECK(draw.decide(view).draws);
  CHECK(draw.take().sequence == Sequence{2});
  CHECK_FALSE(draw.decide(view).draws);
  view.in_flight = 0;
  CHECK(draw.decide(view).draws);
}

TEST_CASE("a group is drawn to its end, and the last is as small as what is left") {
  Options options;
  options.schedule = Schedule::kGpipe;
  options.accumulate = 4;
  options.steps = 6;
  Draw draw(options);
  draw.restart(0);
  Draw::View view = ready();
  CHECK(draw.decide(view).draws);
  CHECK(draw.take().group.size == 4);
  view.in_flight = 1;
  view.is_stopping = true;
  CHECK(draw.decide(view).draws);
  CHECK(draw.final_count(true) == std::nullopt);
  for (int i = 0; i < 3; ++i) draw.take();
  CHECK(draw.final_count(true) == 4U);
  view.is_stopping = false;
  CHECK_FALSE(draw.decide(view).draws);
  view.in_flight = 0;
  view.is_update_due = true;
  CHECK_FALSE(draw.decide(view).draws);
  view.is_update_due = false;
  CHECK(draw.decide(view).draws);
  const Draw::Drawn last = draw.take();
  CHECK(last.group.first == Sequence{4});
  CHECK(last.group.size == 2);
}

TEST_CASE("the newest does not run away from the oldest") {
  Options options;
  options.window = limits::kMaxWindow;
  Draw draw(options);
  draw.restart(0);
  Draw::View view = ready();
  view.in_flight = 1;  // the oldest, lost on the way again and again
  std::uint64_t drawn = 0;
  while (draw.decide(view).draws) drawn = draw.take().sequence.value() + 1;
  CHECK(drawn == limits::kMaxAppliedAhead);
}

TEST_CASE("in lock-step the turn decides, not the window") {
  Options options;
  options.lock_step = true;
  options.window = 1;
  Draw draw(options);
  Draw::View view = ready();
  view.in_flight = 3;
  CHECK(draw.decide(view).draws);
  view.is_forward_turn = false;
  CHECK_FALSE(draw.decide(view).draws);
}

}  // namespace brigade::swarm

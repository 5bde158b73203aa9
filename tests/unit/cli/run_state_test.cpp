#include "cli/run_state.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

control::WatchEvent step_event(std::uint64_t position, double loss = 3) {
  control::WatchEvent event;
  auto* step = event.mutable_step();
  step->set_position(position);
  step->set_tokens(100 * position);
  step->set_loss(loss);
  step->set_tokens_per_s(77);
  return event;
}

control::WatchEvent phase_event(std::uint32_t stage, const std::string& phase) {
  control::WatchEvent event;
  event.mutable_status()->set_node(std::string(64, 'a'));
  event.mutable_status()->set_stage(stage);
  event.mutable_status()->set_phase(phase);
  return event;
}

RunState two_stages() {
  return RunState({.stages = 2, .method = "nesterov", .steps = 100});
}

}  // namespace

TEST_CASE("speed and time left follow the last seconds, not the start") {
  RunState run = two_stages();
  std::uint64_t position = 0;
  for (int second = 0; second < 20; ++second) run.on_event(second, 0, step_event(++position));
  CHECK(run.tokens_per_s() == Approx(100));
  for (int second = 20; second < 40; ++second) {
    run.on_event(second, 0, step_event(++position));
    run.on_event(second + 0.5, 0, step_event(++position));
  }
  CHECK(run.tokens_per_s() == Approx(200).epsilon(0.05));
  CHECK(run.mean_tokens_per_s() < 160);
  const auto left = run.seconds_left(39.5);
  REQUIRE(left);
  CHECK(*left == Approx((100 - 60) / 2.0).epsilon(0.1));
}

TEST_CASE("nothing is guessed before there is something to go by") {
  RunState run = two_stages();
  CHECK_FALSE(run.seconds_left(1));
  CHECK(run.tokens_per_s() == 0);
  run.on_event(1, 0, step_event(1));
  CHECK_FALSE(run.seconds_left(1));
  CHECK(run.tokens_per_s() == Approx(77));
}

TEST_CASE("the shown loss is a mean that starts at the first value") {
  RunState run = two_stages();
  run.on_event(0, 0, step_event(1, 5));
  CHECK(run.mean_loss() == Approx(5));
  for (std::uint64_t i = 2; i < 500; ++i) {
    run.on_event(0.01 * static_cast<double>(i), 0, step_event(i, 2));
  }
  CHECK(run.mean_loss() == Approx(2).margin(0.01));
}

TEST_CASE("a run is over when every node says so") {
  RunState run = two_stages();
  CHECK_FALSE(run.is_over());
  run.on_event(1, 0, phase_event(0, "over"));
  CHECK_FALSE(run.is_over());
  run.on_event(1, 1, phase_event(1, "over"));
  CHECK(run.is_over());
}

TEST_CASE("an event of a stage that the run does not have changes nothing") {
  RunState run = two_stages();
  run.on_event(1, 7, phase_event(7, "over"));
  CHECK(run.nodes().size() == 2);
}

}  // namespace brigade::cli

// Whole conversations between the nodes of a short line: training, losses, breaks.
#include "swarm/node.hpp"

#include "base/random.hpp"
#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using What = Done::What;

void impatient(Options& options) {
  options.receipt_deadline = milliseconds{50};
  options.gradient_deadline = milliseconds{300};
  options.longest_pause = milliseconds{1000};
  options.beacon_interval = milliseconds{100};
}

void check_each_applied_once(const LineRig& rig, std::uint32_t stages, std::uint64_t count,
                             Epoch epoch = Epoch{1}) {
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    const auto applied = rig.applied(stage, epoch);
    CAPTURE(stage);
    CHECK(applied.size() == count);
    for (const auto& [sequence, times] : applied) CHECK(times == 1);
  }
}

void check_nothing_held(const LineRig& rig, std::uint32_t stages) {
  for (std::uint32_t stage = 0; stage < stages; ++stage) CHECK(rig.held_payloads(stage) == 0);
}

/// "f3 b0 u e" for forward of 3, backward of 0, update, forward of an evaluation batch.
std::string schedule_of(const std::vector<Done>& done) {
  std::string text;
  for (const Done& item : done) {
    const std::string number = std::to_string(item.id.sequence.value());
    const bool is_train = item.id.kind == MicrobatchId::Kind::kTrain;
    if (item.what == What::kForward) text += is_train ? "f" + number + " " : "e ";
    if (item.what == What::kBackward) text += "b" + number + " ";
    if (item.what == What::kUpdate) text += "u ";
  }
  return text;
}

}  // namespace

TEST_CASE("a line trains every micro-batch once at every stage and ends by itself") {
  const std::uint32_t stages = GENERATE(1U, 2U, 4U, 8U);
  LineRig rig(stages);
  rig.run([&] { return rig.is_over(); });
  check_each_applied_once(rig, stages, 20);
  check_nothing_held(rig, stages);
  CHECK(rig.steps.size() == 20);
  CHECK(rig.steps.back().position == 20);
  CHECK(rig.committed.back() == CheckpointId{Epoch{1}, 20});
  CHECK(rig.status(0).repeats == 0);
}

TEST_CASE("whatever a line loses is sent again, and nothing is applied twice") {
  const int seed = GENERATE(range(1, 21));
  const std::uint32_t stages = 4;
  CAPTURE(seed);
  LineRig rig(stages, impatient);
  Random random(static_cast<std::uint64_t>(seed));
  rig.filter = [&](std::uint32_t, std::uint32_t, const Message&) { return !random.chance(0.25); };
  rig.run([&] { return rig.is_over(); });
  check_each_applied_once(rig, stages, 20);
  CHECK(rig.status(0).repeats > 0);
  rig.filter = {};
  rig.run_for(seconds{20});  // the last acknowledgements
  check_nothing_held(rig, stages);
  for (std::uint32_t stage = 0; stage < stages; ++stage) CHECK(rig.misbehaved[stage].empty());
}

TEST_CASE("a link that breaks and comes back costs time and no micro-batch") {
  const std::uint32_t stages = 4;
  LineRig rig(stages, impatient);
  for (std::uint32_t link = 0; link + 1 < stages; ++link) {
    rig.run([&] { return rig.steps.size() >= 4 * (link + 1); });
    rig.break_link(link);
    rig.run_for(seconds{3});
    CHECK(rig.status(0).in_flight > 0);
    rig.join_link(link);
  }
  rig.run([&] { return rig.is_over(); });
  check_each_applied_once(rig, stages, 20);
  CHECK(rig.status(0).epoch == Epoch{1});
}

TEST_CASE("lock-step keeps its order whatever arrives first") {
  const std::uint32_t stages = 3;
  LineRig rig(stages, [](Options& options) {
    options.lock_step = true;
    options.steps = 5;
  });
  rig.run([&] { return rig.is_over(); });
  CHECK(schedule_of(rig.done[0]) == "f0 f1 f2 b0 u f3 b1 u f4 b2 u b3 u b4 u ");
  CHECK(schedule_of(rig.done[1]) == "f0 f1 b0 u f2 b1 u f3 b2 u f4 b3 u b4 u ");
  CHECK(schedule_of(rig.done[2]) == "f0 b0 u f1 b1 u f2 b2 u f3 b3 u f4 b4 u ");
}

TEST_CASE("lock-step does not depend on losses") {
  const int seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  const auto tweak = [](Options& options) {
    impatient(options);
    options.lock_step = true;
    options.eval_every = 6;
    options.eval_batches = 3;
  };
  LineRig calm(4, tweak);
  calm.run([&] { return calm.is_over(); });
  LineRig rough(4, tweak);
  Random random(static_cast<std::uint64_t>(seed));
  rough.filter = [&](std::uint32_t, std::uint32_t, const Message& message) {
    const bool is_receipt = std::holds_alternative<Receipt>(message);
    return is_receipt || !random.chance(0.2);  // no answer is lost: nothing is forwarded twice
  };
  rough.run([&] { return rough.is_over(); });
  for (std::uint32_t stage = 0; stage < 4; ++stage) {
    CHECK(schedule_of(rough.done[stage]) == schedule_of(calm.done[stage]));
  }
}

TEST_CASE("in lock-step the measured staleness is the nominal one") {
  LineRig rig(4, [](Options& options) { options.lock_step = true; });
  rig.run([&] { return rig.is_over(); });
  for (std::uint32_t stage = 0; stage < 4; ++stage) {
    CHECK(rig.status(stage).staleness_max == 3 - stage);
    CHECK(rig.status(stage).version == Version{20});
    if (stage == 3) CHECK(rig.status(stage).staleness_mean == 0);
  }
}

TEST_CASE("gpipe forwards a group before its first backward and updates once a group") {
  const std::uint32_t stages = GENERATE(1U, 3U);
  LineRig rig(stages, [](Options& options) {
    options.schedule = Schedule::kGpipe;
    options.accumulate = 4;
    options.steps = 6;
  });
  rig.run([&] { return rig.is_over(); });
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    CHECK(schedule_of(rig.done[stage]) == "f0 f1 f2 f3 b0 b1 b2 b3 u f4 f5 b4 b5 u ");
    CHECK(rig.status(stage).staleness_max == 0);
  }
}

TEST_CASE("gradients go before activations") {
  LineRig rig(2, [](Options& options) { options.window = 6; });
  rig.run([&] { return rig.is_over(); });
  CHECK(schedule_of(rig.done[1]).starts_with("f0 b0 u f1 b1 u f2 b2 u "));
}

TEST_CASE("the head keeps its window full and never fuller") {
  LineRig rig(4, [](Options& options) { options.window = 3; });
  std::uint32_t most = 0;
  rig.run([&] {
    most = std::max(most, rig.status(0).in_flight);
    return rig.is_over();
  });
  CHECK(most == 3);
}

TEST_CASE("an update takes what was accumulated, and the last group is as large as what is left") {
  LineRig rig(3, [](Options& options) {
    options.accumulate = 8;
    options.steps = 20;
  });
  rig.run([&] { return rig.is_over(); });
  for (std::uint32_t stage = 0; stage < 3; ++stage) {
    std::vector<std::uint32_t> sizes;
    for (const Done& item : rig.done[stage]) {
      if (item.what == What::kUpdate) sizes.push_back(item.update.microbatches);
    }
    CHECK(sizes == std::vector<std::uint32_t>{8, 8, 4});
  }
}

TEST_CASE("bytes that make no sense are asked for again, and the peer is told") {
  const auto direction = GENERATE(Direction::kForward, Direction::kBackward);
  LineRig rig(3, impatient);
  rig.run([&] { return rig.steps.size() == 5; });
  rig.reject_once(1, direction);
  rig.run([&] { return rig.is_over(); });
  check_each_applied_once(rig, 3, 20);
  check_nothing_held(rig, 3);
  REQUIRE(rig.misbehaved[1].size() == 1);
  CHECK(rig.misbehaved[1][0].peer == node_id(direction == Direction::kForward ? 0 : 2));
}

TEST_CASE("the loss of the tail reaches the head unchanged") {
  LineRig rig(3);
  rig.run([&] { return rig.is_over(); });
  for (const StepReported& step : rig.steps) {
    CHECK(step.loss.nats == 2.0);
    CHECK(step.loss.tokens == 1);
  }
}

}  // namespace brigade::swarm::test

// Whole conversations between the nodes of a short line: epochs, checkpoints, evaluation, the end.
#include "swarm/node.hpp"

#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using What = Done::What;

void frequent(Options& options) {
  options.checkpoint_every = 5;
  options.receipt_deadline = milliseconds{100};
  options.gradient_deadline = milliseconds{500};
  options.beacon_interval = milliseconds{100};
}

bool is_in(const LineRig& rig, std::uint32_t stage, Phase phase) {
  return rig.status(stage).phase == phase;
}

std::size_t forwards_in(const LineRig& rig, Epoch epoch) {
  return rig.applied(0, epoch).size();
}

}  // namespace

TEST_CASE("checkpoints are cut at the same positions everywhere, and old ones go") {
  LineRig rig(3, frequent);
  rig.run([&] { return rig.is_over(); });
  const std::set<CheckpointId> kept{{Epoch{1}, 15}, {Epoch{1}, 20}};
  for (std::uint32_t stage = 0; stage < 3; ++stage) CHECK(rig.disks[stage] == kept);
  CHECK(rig.committed.front() == CheckpointId{Epoch{1}, 0});
  for (std::uint32_t stage = 0; stage < 3; ++stage) {
    std::uint64_t applied = 0;
    for (const Done& item : rig.done[stage]) {  // the cut holds exactly its position, when in order
      if (item.what == What::kBackward) ++applied;
      if (item.what == What::kSnapshot) CHECK(item.checkpoint.position == applied);
    }
  }
}

TEST_CASE("checkpoint positions are rounded up to whole updates") {
  LineRig rig(2, [](Options& options) {
    frequent(options);
    options.accumulate = 4;
    options.keep_checkpoints = 10;
    options.steps = 18;
  });
  rig.run([&] { return rig.is_over(); });
  const Epoch e{1};
  CHECK(rig.disks[1] == std::set<CheckpointId>{{e, 0}, {e, 8}, {e, 12}, {e, 16}, {e, 18}});
}

TEST_CASE("a stage that restarts heals the line from the newest checkpoint sound everywhere") {
  const std::uint32_t victim = GENERATE(0U, 1U, 2U, 3U);
  LineRig rig(4, frequent);
  rig.run([&] { return rig.steps.size() == 13; });
  const CheckpointId committed = rig.committed.back();
  CHECK(committed.position >= 5);
  rig.restart(victim);
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.status(0).epoch == Epoch{2});
  CHECK(rig.status(0).from.position >= committed.position);
  const std::uint64_t left = 20 - rig.status(0).from.position;
  for (std::uint32_t stage = 0; stage < 4; ++stage) {
    CHECK(rig.applied(stage, Epoch{2}).size() == left);
    CHECK(rig.held_payloads(stage) == 0);
    CHECK(rig.disks[stage].contains({Epoch{2}, 20}));
  }
}

TEST_CASE("stages that restart one after another heal the line each time") {
  LineRig rig(3, [](Options& options) {
    frequent(options);
    options.steps = 60;
  });
  for (std::uint32_t round = 0; round < 6; ++round) {
    const std::size_t steps = rig.steps.size();
    rig.run([&] { return rig.steps.size() >= steps + 7; });
    rig.restart(round % 3);
  }
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.status(0).position == 60);
  CHECK(rig.status(0).epoch == Epoch{7});
}

TEST_CASE("a stage that comes back with an empty disk does not join an epoch that it forgot") {
  LineRig rig(3, [](Options& options) { options.checkpoint_every = 0; });
  rig.run([&] { return rig.steps.size() == 4; });
  rig.restart(1, false);
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.status(0).epoch == Epoch{2});
  CHECK(rig.status(0).from.position == 0);
  CHECK(forwards_in(rig, Epoch{2}) == 20);
}

TEST_CASE("a run does not start over unasked while some stage holds newer state") {
  const bool may = GENERATE(false, true);
  LineRig rig(3, [&](Options& options) {
    frequent(options);
    options.may_start_over = may;
  });
  rig.run([&] { return !rig.committed.empty() && rig.committed.back().position == 10; });
  rig.restart(2, false);
  if (may) {
    rig.run([&] { return rig.is_over(); });
    CHECK(forwards_in(rig, Epoch{2}) == 20);
  } else {
    rig.run([&] { return is_in(rig, 0, Phase::kBlocked); });
    rig.run_for(seconds{5});
    CHECK(is_in(rig, 0, Phase::kBlocked));
    CHECK(std::string(rig.status(0).waiting_for).find("newer state") != std::string::npos);
    CHECK(rig.disks[0].contains({Epoch{1}, 10}));
  }
}

TEST_CASE("a checkpoint that can't be read gives way to the one before") {
  LineRig rig(3, frequent);
  rig.run([&] { return !rig.committed.empty() && rig.committed.back().position == 15; });
  rig.restores = [](std::uint32_t stage, const CheckpointId& id) {
    return stage != 2 || id.position != 15;
  };
  rig.restart(0);
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.status(0).from == CheckpointId{Epoch{1}, 10});
  CHECK(rig.status(0).epoch == Epoch{3});  // 2 failed at stage 2
}

TEST_CASE("nothing sound anywhere is a reason to wait, not a loop") {
  LineRig rig(2, frequent);
  rig.restores = [](std::uint32_t, const CheckpointId&) { return false; };
  rig.run([&] { return is_in(rig, 0, Phase::kBlocked); });
  CHECK(std::string(rig.status(0).waiting_for) == "no checkpoint is sound at every stage");
}

TEST_CASE("a resumed run draws what is left and is evaluated before the first draw") {
  const auto tweak = [](Options& options) {
    frequent(options);
    options.eval_batches = 3;
    options.final_eval_batches = 5;
  };
  LineRig rig(3, tweak);
  rig.run([&] { return !rig.committed.empty() && rig.committed.back().position == 10; });
  for (std::uint32_t stage = 0; stage < 3; ++stage) rig.restart(stage);
  rig.evaluations.clear();
  rig.run([&] { return !rig.evaluations.empty(); });
  CHECK(rig.evaluations[0].position == rig.status(0).from.position);
  CHECK(rig.evaluations[0].loss.tokens == 3);
  CHECK(rig.applied(0, rig.status(0).epoch).empty());
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.applied(2, rig.status(0).epoch).size() == 20 - rig.status(0).from.position);
  CHECK(rig.evaluations.back().is_final);
  CHECK(rig.evaluations.back().loss.tokens == 5);
}

TEST_CASE("a complete run that is started again evaluates and ends") {
  LineRig rig(2, [](Options& options) {
    frequent(options);
    options.final_eval_batches = 4;
  });
  rig.run([&] { return rig.is_over(); });
  for (std::uint32_t stage = 0; stage < 2; ++stage) rig.restart(stage);
  rig.run([&] { return rig.is_over() && rig.status(0).epoch == Epoch{2}; });
  CHECK(rig.steps.size() == 20);
  CHECK(rig.evaluations.size() == 2);
}

TEST_CASE("evaluations run in between and at the end, each batch once, and keep nothing") {
  const std::uint32_t stages = GENERATE(1U, 3U);
  LineRig rig(stages, [](Options& options) {
    options.eval_every = 5;
    options.eval_batches = 4;
    options.final_eval_batches = 7;
  });
  rig.run([&] { return rig.is_over(); });
  REQUIRE(rig.evaluations.size() == 4);  // 5, 10, 15; 20 is the final one
  for (const EvalReported& report : rig.evaluations) {
    CHECK(report.loss.tokens == (report.is_final ? 7 : 4));
    CHECK(report.loss.nats == 2.0 * report.loss.tokens);
  }
  for (std::uint32_t stage = 0; stage < stages; ++stage) CHECK(rig.held_payloads(stage) == 0);
  CHECK(rig.status(0).applied == 20);
}

TEST_CASE("a stop at any stage drains the line in hop order and saves it") {
  const std::uint32_t asked = GENERATE(0U, 1U, 2U);
  LineRig rig(3, [](Options& options) {
    frequent(options);
    options.final_eval_batches = 4;
  });
  rig.run([&] { return rig.steps.size() == 7; });
  rig.give(asked, StopRequested{});
  rig.run([&] { return rig.is_over(); });
  const std::uint64_t position = rig.status(0).position;
  CHECK(position < 20);
  CHECK(rig.status(0).in_flight == 0);
  CHECK(rig.evaluations.empty());
  for (std::uint32_t stage = 0; stage < 3; ++stage) {
    CHECK(rig.status(stage).position == position);
    CHECK(rig.disks[stage].contains({Epoch{1}, position}));
  }
}

TEST_CASE("a stop completes the group that was begun") {
  LineRig rig(2, [](Options& options) {
    options.schedule = Schedule::kGpipe;
    options.accumulate = 4;
  });
  rig.run([&] { return rig.status(0).drawn == 6; });
  rig.give(0, StopRequested{});
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.status(1).position == 8);
}

TEST_CASE("at the deadline of a stop a stage without its line saves its newest cut and leaves") {
  LineRig rig(3, [](Options& options) { options.accumulate = 3; });
  rig.run([&] { return rig.steps.size() == 7; });
  rig.break_link(0);
  const TimePoint deadline = rig.now() + seconds{10};
  for (std::uint32_t stage = 0; stage < 3; ++stage) rig.give(stage, StopRequested{deadline});
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.now() >= deadline);
  CHECK(rig.now() < deadline + seconds{1});
  for (std::uint32_t stage = 0; stage < 3; ++stage) {
    CHECK(rig.disks[stage].contains({Epoch{1}, rig.status(stage).position}));
    CHECK(rig.phases[stage].back().phase == Phase::kOver);
  }
}

TEST_CASE("a stop before the line has gathered ends at once") {
  LineRig rig(3);
  rig.give(1, StopRequested{});
  CHECK(is_in(rig, 1, Phase::kOver));
  CHECK(is_in(rig, 0, Phase::kGathering));
}

TEST_CASE("a disk that is full for a while delays the end and loses nothing") {
  LineRig rig(2, frequent);
  bool is_full = true;
  rig.stores = [&](std::uint32_t stage, const CheckpointId&) { return stage == 0 || !is_full; };
  rig.run([&] { return rig.status(1).position == 20; });
  rig.run_for(seconds{20});
  CHECK(is_in(rig, 0, Phase::kDraining));
  CHECK(rig.committed.empty());
  is_full = false;
  rig.run([&] { return rig.is_over(); });
  CHECK(rig.committed.back() == CheckpointId{Epoch{1}, 20});
}

TEST_CASE("the phases of a run come in order and each has a reason") {
  LineRig rig(2);
  rig.run([&] { return rig.is_over(); });
  for (std::uint32_t stage = 0; stage < 2; ++stage) {
    std::vector<Phase> seen;
    for (const PhaseChanged& change : rig.phases[stage]) {
      seen.push_back(change.phase);
      CHECK(change.reason[0] != '\0');
    }
    CHECK(seen ==
          std::vector<Phase>{Phase::kRestoring, Phase::kTraining, Phase::kDraining, Phase::kOver});
  }
}

}  // namespace brigade::swarm::test

#include "swarm/task_queue.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using Kind = TaskQueue::Pick::Kind;

Options stage_of(std::uint32_t stage, std::uint32_t stages) {
  Options options;
  options.stage = StageIndex{stage};
  options.stages = stages;
  return options;
}

Entry entry(std::uint64_t sequence, bool was_forwarded = false) {
  Entry result;
  result.id.sequence = Sequence{sequence};
  result.was_forwarded = was_forwarded;
  return result;
}

}  // namespace

TEST_CASE("asynchronously a gradient goes first, then the oldest activation, and so in turns") {
  TaskQueue tasks(stage_of(1, 3));
  tasks.push_forward(4, entry(0));
  tasks.push_forward(5, entry(1));
  tasks.push_forward(6, entry(2));
  tasks.push_backward(7, entry(8));
  tasks.push_backward(8, entry(9));
  CHECK(tasks.take().slot == 7);
  CHECK(tasks.take().slot == 4);
  CHECK(tasks.take().slot == 8);
  CHECK(tasks.take().slot == 5);
  tasks.remove_forward(6);
  const TaskQueue::Pick nothing = tasks.take();
  CHECK(nothing.kind == Kind::kNothing);
  CHECK(nothing.reason == std::string("an activation from the stage before"));
}

TEST_CASE("a head draws between two gradients of a burst") {
  TaskQueue tasks(stage_of(0, 3));
  tasks.push_backward(7, entry(0));
  tasks.push_backward(8, entry(1));
  CHECK_FALSE(tasks.wants_draw());  // a gradient's turn
  CHECK(tasks.take().slot == 7);
  CHECK(tasks.wants_draw());
  tasks.push_forward(9, entry(2));
  CHECK_FALSE(tasks.wants_draw());
  CHECK(tasks.take().slot == 9);
  CHECK(tasks.take().slot == 8);
  CHECK_FALSE(tasks.wants_draw());  // nothing holds a draw back
}

TEST_CASE("an idle stage that has forwarded waits for a gradient") {
  TaskQueue tasks(stage_of(1, 3));
  tasks.on_forwarded();
  CHECK(tasks.take().reason == std::string("a gradient from the stage after"));
}

TEST_CASE("in lock-step a gradient waits for the forward that comes before it") {
  Options options = stage_of(1, 3);  // δ = 1
  options.lock_step = true;
  TaskQueue tasks(options);
  tasks.push_forward(10, entry(0));
  CHECK(tasks.take().slot == 10);
  tasks.on_forwarded();
  tasks.push_backward(10, entry(0));
  CHECK(tasks.take().kind == Kind::kNothing);
  tasks.push_forward(12, entry(2));  // too early
  CHECK(tasks.take().kind == Kind::kNothing);
  tasks.push_forward(11, entry(1));
  CHECK(tasks.take().slot == 11);
  tasks.on_forwarded();
  CHECK(tasks.take().kind == Kind::kBackward);
  CHECK_FALSE(tasks.is_forward_turn());
  tasks.on_applied();
  CHECK(tasks.take().slot == 12);
}

TEST_CASE("in lock-step the drain is backwards alone") {
  Options options = stage_of(0, 3);
  options.lock_step = true;
  TaskQueue tasks(options);
  tasks.push_forward(0, entry(0));
  CHECK(tasks.take().slot == 0);
  tasks.on_forwarded();
  tasks.push_backward(0, entry(0));
  CHECK(tasks.take().kind == Kind::kNothing);
  tasks.end_after(1);
  CHECK(tasks.take().kind == Kind::kBackward);
}

TEST_CASE("what is forwarded again goes in any turn") {
  Options options = stage_of(0, 2);
  options.lock_step = true;
  TaskQueue tasks(options);
  tasks.on_forwarded();
  tasks.on_forwarded();  // the backward of 0 is next
  tasks.push_forward(3, entry(1, true));
  CHECK(tasks.take().slot == 3);
}

TEST_CASE("in lock-step an evaluation goes before the micro-batch that it names") {
  Options options = stage_of(1, 2);
  options.lock_step = true;
  TaskQueue tasks(options);
  Entry batch = entry(0);
  batch.id.kind = MicrobatchId::Kind::kEval;
  batch.group.first = Sequence{1};
  tasks.push_forward(9, batch);
  CHECK(tasks.take().kind == Kind::kNothing);
  tasks.push_forward(0, entry(0));
  CHECK(tasks.take().slot == 0);
  tasks.on_forwarded();
  tasks.push_backward(0, entry(0));
  CHECK(tasks.take().kind == Kind::kBackward);
  tasks.on_applied();
  tasks.push_forward(1, entry(1));
  CHECK(tasks.take().slot == 9);
  CHECK(tasks.take().slot == 1);
}

TEST_CASE("gpipe admits one group at a time and updates when all of it is applied") {
  Options options = stage_of(1, 2);
  options.schedule = Schedule::kGpipe;
  options.accumulate = 2;
  TaskQueue tasks(options);
  const Group first{Sequence{0}, 2};
  const Group second{Sequence{2}, 2};
  CHECK_FALSE(tasks.admit(second, Sequence{2}));
  CHECK(tasks.admit(first, Sequence{1}));
  CHECK_FALSE(tasks.admit(second, Sequence{2}));
  CHECK_FALSE(tasks.admit(first, Sequence{2}));
  CHECK_FALSE(tasks.admit({Sequence{0}, 3}, Sequence{1}));
  tasks.push_forward(1, entry(1));
  CHECK(tasks.take().slot == 1);
  tasks.on_forwarded();
  tasks.push_backward(1, entry(1));
  CHECK(tasks.take().kind == Kind::kNothing);
  tasks.push_forward(0, entry(0));
  CHECK(tasks.take().slot == 0);
  tasks.on_forwarded();
  CHECK(tasks.take().kind == Kind::kBackward);
  tasks.on_applied();
  CHECK_FALSE(tasks.is_update_due(1, 1));
  tasks.on_applied();
  CHECK(tasks.is_update_due(2, 1));
  CHECK(tasks.admit(second, Sequence{3}));
  CHECK_FALSE(tasks.is_update_due(0, 1));
}

TEST_CASE("1f1b holds at most P - i of a group, and a gradient goes before a forward") {
  Options options = stage_of(1, 3);
  options.schedule = Schedule::k1f1b;
  options.accumulate = 4;
  TaskQueue tasks(options);
  const Group group{Sequence{0}, 4};
  for (Slot slot = 0; slot < 4; ++slot) {
    REQUIRE(tasks.admit(group, Sequence{slot}));
    tasks.push_forward(slot, entry(slot));
  }
  for (Slot slot = 0; slot < 2; ++slot) {
    CHECK(tasks.take().slot == slot);
    tasks.on_forwarded();
  }
  CHECK(tasks.take().kind == Kind::kNothing);
  tasks.push_backward(0, entry(0));
  CHECK(tasks.take().kind == Kind::kBackward);
  tasks.on_applied();
  CHECK_FALSE(tasks.is_update_due(1, 1));
  CHECK(tasks.take().slot == 2);
}

TEST_CASE("an update is due when enough is accumulated") {
  const TaskQueue tasks(stage_of(0, 1));
  CHECK_FALSE(tasks.is_update_due(2, 3));
  CHECK(tasks.is_update_due(3, 3));
  CHECK_FALSE(tasks.is_update_due(0, 0));
}

}  // namespace brigade::swarm

// A head of a swarm with replicas whose only stage it holds, and another head beside it.
#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "swarm/node.hpp"
#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {
namespace {

struct Head {
  const Holder low{test::node_id(1), 100};
  const Holder high{test::node_id(3), 300};
  TimePoint now{std::chrono::seconds{10}};
  std::optional<Node> node;
  std::vector<Action> actions;
  std::optional<Event> answer;  // of the engine, to what it was asked last
  Version version;
  std::uint32_t evaluated = 0;
  std::vector<EvalReported> reports;
  std::vector<StepReported> steps;

  explicit Head(const std::function<void(Options&)>& tweak, std::uint64_t position = 0) {
    Options options;
    options.has_replicas = true;
    options.self = test::node_id(2);
    options.instance = 200;
    options.window = 0;
    tweak(options);
    node.emplace(options, StartState{}, now);
    handle(StartFrom{{options.epoch, position}});
    handle(RestoreDone{{options.epoch, position}, true, version});
  }
  void meet(const Holder& other, bool is_ready = true) {
    handle(LinkUp{other.node, StageIndex{0}, other.instance});
    NodeBeacon beacon;
    beacon.is_ready = is_ready;
    handle(Received{other.node, beacon});
  }
  void handle(const Event& event) {
    actions.clear();
    node->handle(now, event);
    while (auto action = node->poll_action()) {
      if (const auto* report = std::get_if<EvalReported>(&*action)) reports.push_back(*report);
      if (const auto* step = std::get_if<StepReported>(&*action)) steps.push_back(*step);
      if (auto done = answer_to(*action)) answer = done;
      actions.push_back(std::move(*action));
    }
  }
  /// The engine does what it is asked for, `most` tasks at most.
  void work(int most = 1000) {
    while (answer && most-- > 0) handle(*std::exchange(answer, std::nullopt));
  }
  std::optional<Event> answer_to(const Action& action) {
    if (const auto* forward = std::get_if<RunForward>(&action)) {
      evaluated += forward->keeps ? 0 : 1;
      return ForwardDone{forward->id, {}, {2.0, 1}};
    }
    if (const auto* backward = std::get_if<RunBackward>(&action)) {
      return BackwardDone{backward->id, {}};
    }
    if (std::holds_alternative<RunUpdate>(action)) return UpdateDone{version = version.next()};
    return std::nullopt;
  }
};

TEST_CASE("a head that is the only stage trains until the run has all its steps") {
  Head head([](Options& options) { options.steps = 12; });
  head.work();
  REQUIRE(head.steps.size() == 12);
  CHECK(head.steps.back().position == 12);
  CHECK(head.node->status().position == 12);
  CHECK(head.node->status().in_flight == 0);
}

TEST_CASE("beside a head's checkpoint is kept which micro-batches it has closed") {
  Head head([](Options& options) {
    options.steps = 12;
    options.checkpoint_every = 10;
  });
  Kept kept;
  while (head.answer) {
    head.work(1);
    for (const Action& action : head.actions)
      if (const auto* snapshot = std::get_if<RunSnapshot>(&action)) kept = snapshot->kept;
  }
  CHECK(kept.gradients.empty());
  REQUIRE(kept.closed.size() == 1);
  CHECK(kept.closed.front().head == HeadIndex{200});
  CHECK(kept.closed.front().first == Sequence{0});
  CHECK(kept.closed.front().end == Sequence{10});
}

TEST_CASE("steps are of the whole run: what the weights contain at the start counts") {
  Head head(
      [](Options& options) {
        options.steps = 12;
        options.eval_on_resume = false;
      },
      /*position=*/10);
  head.work();
  REQUIRE(head.steps.size() == 2);
  CHECK(head.steps.back().position == 12);
}

TEST_CASE("steps are of all replicas that there are, with a link or without") {
  Head head([](Options& options) {
    options.steps = 12;
    options.average_every = 100;
  });
  head.handle(ReplicasCounted{4});
  head.work();
  CHECK(head.steps.size() == 3);
  CHECK(head.node->status().position == 12);
}

void evaluates(Options& options) {
  options.steps = 10;
  options.eval_every = 4;
  options.eval_batches = 1;
  options.final_eval_batches = 2;
}

TEST_CASE("of heads that know each other the one with the lowest id evaluates") {
  Head head(evaluates);
  bool is_on_duty = true;
  SECTION("the other one's is higher") {
    head.meet(head.high);
  }
  SECTION("the other one's is lower") {
    head.meet(head.low);
    is_on_duty = false;
  }
  SECTION("the other one's is lower, and it is not ready") {
    head.meet(head.low, /*is_ready=*/false);
  }
  head.work();
  CHECK(head.steps.size() == 10);
  if (!is_on_duty) {
    CHECK(head.evaluated == 0);
    CHECK(head.reports.empty());
    head.handle(LinkDown{head.low.node});  // the final one is still to be made
    head.work();
    REQUIRE(head.reports.size() == 1);
    CHECK(head.reports.back().is_final);
    return;
  }
  REQUIRE(head.reports.size() == 3);
  CHECK(head.reports[0].position == 4);
  CHECK(head.reports[1].position == 8);
  CHECK(head.reports[2].position == 10);
  CHECK(head.reports[2].is_final);
  CHECK(head.reports[2].loss.tokens == 2);
}

TEST_CASE("where no window is given there are three places a stage for each replica, among heads") {
  Head head([](Options& options) { options.stages = 3; });
  CHECK(head.node->status().window == 9);
  for (std::uint32_t index = 10; index < 15; ++index) {
    const Holder replica{test::node_id(index), index};
    head.handle(LinkUp{replica.node, StageIndex{1}, replica.instance});
    NodeBeacon beacon;
    beacon.is_ready = true;
    head.handle(Received{replica.node, beacon});
  }
  CHECK(head.node->status().window == 45);
  head.meet(head.high);
  CHECK(head.node->status().window == 23);
  head.handle(ReplicasCounted{5, 5});  // most without a link
  CHECK(head.node->status().window == 9);
}

TEST_CASE("a head that has drained draws nothing, and adopts nothing from who has not heard yet") {
  Head head([](Options& options) { options.stages = 3; });
  const Holder next{test::node_id(10), 10};
  const Holder tail{test::node_id(20), 20};
  head.handle(LinkUp{next.node, StageIndex{1}, next.instance});
  head.handle(StopRequested{});
  REQUIRE(head.node->status().phase == Phase::kOver);
  NodeBeacon beacon;
  beacon.is_ready = true;
  beacon.offer.path = {next, tail};
  head.handle(Received{next.node, beacon});
  const MicrobatchId orphan{Epoch{1}, HeadIndex{99}, Sequence{0}, MicrobatchId::Kind::kTrain};
  const Path path{{Holder{test::node_id(99), 99}, next, tail}, 0, 3, Sequence{0}};
  head.handle(
      Received{next.node, PathRequest{PathRequest::Kind::kAdopt, orphan, StageIndex{1}, path}});
  const Status status = head.node->status();
  CHECK(status.drawn == 0);
  CHECK(status.in_flight == 0);
  CHECK_FALSE(status.is_computing);
}

TEST_CASE("the place in the schedules follows the position, not the own updates") {
  Head head(
      [](Options& options) {
        options.accumulate = 2;
        options.eval_on_resume = false;
      },
      /*position=*/100);
  while (true) {
    const auto found = std::find_if(
        head.actions.begin(), head.actions.end(),
        [](const Action& action) { return std::holds_alternative<RunUpdate>(action); });
    if (found != head.actions.end()) {
      CHECK(std::get<RunUpdate>(*found).version == Version{0});
      CHECK(std::get<RunUpdate>(*found).place == 50);
      return;
    }
    head.work(1);
  }
}

}  // namespace
}  // namespace brigade::swarm

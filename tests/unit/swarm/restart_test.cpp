// What a replica knows after a restart of what its weights contain, and what others make of it.
#include "tests/unit/swarm/replica_rig.hpp"

namespace brigade::swarm {
namespace {

using test::Rig;

Kept kept_of(std::uint64_t sequence) {
  Kept kept;
  kept.gradients.push_back({Rig::id(sequence), {1.5, 1}, Rig::bytes(7000 + sequence)});
  return kept;
}

bool has_released(const Rig& rig, std::uint64_t payload) {
  for (const Action& action : rig.actions) {
    const auto* release = std::get_if<Release>(&action);
    if (release != nullptr && release->payload == PayloadId{payload}) return true;
  }
  return false;
}

void ask(Rig& rig, std::uint64_t sequence) {
  rig.handle(Received{rig.head.node, Query{Rig::id(sequence), Direction::kForward, Attempt{1},
                                           rig.path(rig.tail, 1)}});
}

TEST_CASE("beside a checkpoint is kept what is applied and not closed") {
  Rig rig([](Options& options) { options.checkpoint_every = 1; });
  rig.apply(0);
  rig.handle(UpdateDone{Version{1}});
  const auto* snapshot = rig.did<RunSnapshot>();
  REQUIRE(snapshot != nullptr);
  REQUIRE(snapshot->kept.gradients.size() == 1);
  CHECK(snapshot->kept.gradients.front().id == Rig::id(0));
  CHECK(snapshot->kept.gradients.front().payload == Rig::bytes(5000));
  CHECK(snapshot->kept.closed.empty());  // only heads are asked to adopt
  const CheckpointId first = snapshot->checkpoint;
  rig.handle(SnapshotTaken{first});
  rig.handle(SnapshotStored{first, true});
  rig.receipt(rig.head, 0, Direction::kBackward, 2, Receipt::Kind::kApplied);
  rig.apply(1);
  rig.handle(UpdateDone{Version{2}});
  snapshot = rig.did<RunSnapshot>();
  REQUIRE(snapshot != nullptr);
  REQUIRE(snapshot->kept.gradients.size() == 1);
  CHECK(snapshot->kept.gradients.front().id == Rig::id(1));
}

TEST_CASE("after a restart a question is answered with the gradient that was kept") {
  Rig rig({}, {}, kept_of(3));
  CHECK(rig.node->status().kept_gradients == 1);
  ask(rig, 3);
  const auto* gradient = rig.sent<Backward>(rig.head);
  REQUIRE(gradient != nullptr);
  CHECK(gradient->payload == Rig::bytes(7003));
  CHECK(gradient->loss.nats == 1.5);
  CHECK(rig.did<RunForward>() == nullptr);
  CHECK(rig.node->status().taken == 0);  // of the account of another instance
  CHECK(rig.node->status().kept_gradients == 1);
  rig.receipt(rig.head, 3, Direction::kBackward, 1, Receipt::Kind::kApplied);
  CHECK(has_released(rig, 7003));
  CHECK(rig.node->status().kept_gradients == 0);
  ask(rig, 3);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kApplied);
}

TEST_CASE("after a restart a micro-batch that the weights contain is not applied again") {
  Rig rig({}, {}, kept_of(3));
  rig.forward(3, rig.path(rig.tail, 1));
  CHECK(rig.did<RunForward>() == nullptr);
  CHECK(has_released(rig, 1031));  // what came with it
  REQUIRE(rig.sent<Backward>(rig.head) != nullptr);
  CHECK(rig.sent<Backward>(rig.head)->payload == Rig::bytes(7003));
  rig.forward(4, rig.path(rig.tail, 1));
  CHECK(rig.did<RunForward>() != nullptr);
}

TEST_CASE("a node that drains answers with what was kept, and takes nothing new") {
  Rig rig({}, {}, kept_of(3));
  rig.forward(4, rig.path(rig.tail));
  rig.handle(StopRequested{});
  rig.forward(5, rig.path(rig.tail));
  CHECK(rig.answer(rig.head) == Receipt::Kind::kBusy);
  ask(rig, 3);
  CHECK(rig.sent<Backward>(rig.head) != nullptr);
}

TEST_CASE("what was kept over a restart goes when its head has closed it") {
  Rig rig({}, {}, kept_of(3));
  NodeBeacon beacon;
  beacon.is_ready = true;
  beacon.floors = {{HeadIndex{100}, Sequence{4}}};
  rig.handle(Received{rig.head.node, beacon});
  CHECK(has_released(rig, 7003));
  ask(rig, 3);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kApplied);
}

TEST_CASE("what its head has closed before it was restored goes too") {
  Rig rig({}, {}, std::nullopt);
  NodeBeacon beacon;
  beacon.is_ready = true;
  beacon.floors = {{HeadIndex{100}, Sequence{4}}};
  rig.handle(Received{rig.head.node, beacon});
  rig.now += std::chrono::seconds{6};
  rig.handle(Tick{});  // settled as far as it was known
  rig.handle(RestoreDone{{}, true, Version{}, kept_of(3)});
  rig.now += std::chrono::seconds{6};
  rig.handle(Tick{});
  CHECK(rig.node->status().kept_gradients == 0);
  rig.handle(Received{rig.head.node, beacon});
  ask(rig, 3);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kApplied);
}

TEST_CASE("what nobody has asked for in time is let go, and that it is applied is remembered") {
  Rig rig([](Options& options) { options.checkpoint_every = 1; }, {}, kept_of(3));
  rig.now += std::chrono::seconds{121};
  rig.handle(Tick{});
  CHECK(has_released(rig, 7003));
  CHECK(rig.node->status().kept_gradients == 0);
  rig.handle(LinkUp{rig.head.node, StageIndex{0}, rig.head.instance});
  ask(rig, 3);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kSpent);
}

TEST_CASE("what was kept and is not asked for yet goes beside the next checkpoint too") {
  Rig rig([](Options& options) { options.checkpoint_every = 1; }, {}, kept_of(3));
  rig.apply(4);
  rig.handle(UpdateDone{Version{1}});
  const auto* snapshot = rig.did<RunSnapshot>();
  REQUIRE(snapshot != nullptr);
  REQUIRE(snapshot->kept.gradients.size() == 2);
  CHECK(snapshot->kept.gradients.back().payload == Rig::bytes(7003));
}

struct Giver {  // its next holder has just restarted
  Rig rig;
  const Holder heir{rig.tail.node, 301};

  Giver() {
    rig.forward(0, rig.path(rig.tail));
    rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
    rig.receipt(rig.tail, 0, Direction::kForward, 1, Receipt::Kind::kReceived);
    rig.handle(LinkUp{heir.node, StageIndex{2}, heir.instance});
  }
};

TEST_CASE("a holder that restarted is waited for while it restores, and asked first") {
  Giver giver;
  Rig& rig = giver.rig;
  CHECK(rig.sent<PathRequest>(rig.head) == nullptr);
  rig.tell(giver.heir);
  const auto* request = rig.sent<PathRequest>(rig.head);
  REQUIRE(request != nullptr);
  CHECK(request->path.holders[2] == giver.heir);
  Path asked = rig.path(giver.heir, 1);
  asked.given = 3;
  rig.handle(Received{rig.head.node, Query{Rig::id(0), Direction::kForward, Attempt{1}, asked}});
  CHECK(rig.sent<Query>(giver.heir) != nullptr);
}

TEST_CASE("a holder that restarted and does not restore in time is replaced by another") {
  Giver giver;
  Rig& rig = giver.rig;
  rig.now += std::chrono::seconds{5};
  rig.tell(rig.other);
  const PathRequest* request = rig.sent<PathRequest>(rig.head);
  REQUIRE(request != nullptr);
  CHECK(request->path.holders[2] == rig.other);
}

TEST_CASE("a head that restarted does not adopt what its weights contain") {
  const Holder lost{test::node_id(10), 100};
  const Holder first{test::node_id(20), 200};
  Options options;
  options.has_replicas = true;
  options.self = lost.node;
  options.instance = 101;
  options.stages = 2;
  Node head(options, StartState{}, TimePoint{std::chrono::seconds{10}});
  const TimePoint now{std::chrono::seconds{10}};
  std::vector<Action> actions;
  const auto handle = [&](const Event& event) {
    actions.clear();
    head.handle(now, event);
    while (auto action = head.poll_action()) actions.push_back(std::move(*action));
  };
  Kept kept;
  kept.closed = {{HeadIndex{100}, Sequence{0}, Sequence{5}},
                 {HeadIndex{100}, Sequence{7}, Sequence{8}}};
  handle(StartFrom{{Epoch{1}, 0}});
  handle(RestoreDone{{}, true, Version{}, kept});
  handle(LinkUp{first.node, StageIndex{1}, first.instance});
  const auto adopts = [&](std::uint64_t sequence) {
    PathRequest request{PathRequest::Kind::kAdopt, Rig::id(sequence), StageIndex{1}, {}};
    request.path.holders = {lost, first};
    handle(Received{first.node, request});
    bool has_closed = false;
    bool has_adopted = false;
    for (const Action& action : actions) {
      const auto* send = std::get_if<Send>(&action);
      const auto* said = send == nullptr ? nullptr : std::get_if<PathRequest>(&send->message);
      has_closed = has_closed || (said != nullptr && said->kind == PathRequest::Kind::kClosed);
      has_adopted = has_adopted || std::holds_alternative<RunForward>(action);
    }
    CHECK(has_closed != has_adopted);
    return has_adopted;
  };
  CHECK_FALSE(adopts(0));
  CHECK_FALSE(adopts(4));
  CHECK_FALSE(adopts(7));
  CHECK(adopts(5));
}

}  // namespace
}  // namespace brigade::swarm

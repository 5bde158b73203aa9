// What the core of a replica does for its neighbours, see replica_rig.hpp.
#include "tests/unit/swarm/replica_rig.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using test::Rig;

TEST_CASE("a gradient is acknowledged as applied only when it is from upstream") {
  Rig rig;
  rig.apply(0);
  REQUIRE(rig.sent<Backward>(rig.head) != nullptr);
  CHECK(rig.answer(rig.tail) == std::nullopt);
  CHECK(rig.node->status().kept_gradients == 1);
  rig.receipt(rig.head, 0, Direction::kBackward, 2, Receipt::Kind::kReceived);
  CHECK(rig.answer(rig.tail) == std::nullopt);
  rig.receipt(rig.head, 0, Direction::kBackward, 2, Receipt::Kind::kApplied);
  CHECK(rig.answer(rig.tail) == Receipt::Kind::kApplied);
  CHECK(rig.node->status().kept_gradients == 0);
}

TEST_CASE("a path for an earlier instance is not served, and beacons say that it is gone") {
  Rig rig;
  Path old = rig.path(rig.tail);
  old.holders[1].instance = 199;
  rig.forward(0, old);
  CHECK(rig.answer(rig.head) == std::nullopt);
  CHECK(rig.node->status().in_flight == 0);
  const auto* beacon = rig.sent<NodeBeacon>(rig.head);
  REQUIRE(beacon != nullptr);
  CHECK(beacon->gone == std::vector<std::uint64_t>{199});
}

TEST_CASE("a lost next holder is replaced by the head's word alone") {
  Rig rig;
  rig.forward(0, rig.path(rig.tail));
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  rig.receipt(rig.tail, 0, Direction::kForward, 1, Receipt::Kind::kReceived);
  NodeBeacon goodbye;
  goodbye.is_leaving = true;
  rig.handle(Received{rig.tail.node, goodbye});
  const auto* request = rig.sent<PathRequest>(rig.head);
  REQUIRE(request != nullptr);
  CHECK(request->kind == PathRequest::Kind::kReplan);
  CHECK(request->path.holders[2] == rig.other);
  CHECK(rig.sent<Forward>(rig.other) == nullptr);
  rig.handle(Received{rig.head.node,
                      Query{Rig::id(0), Direction::kForward, Attempt{1}, rig.path(rig.other, 1)}});
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3001), {}});
  const auto* forward = rig.sent<Forward>(rig.other);
  REQUIRE(forward != nullptr);
  CHECK(forward->path.revision == 1);
}

TEST_CASE("messages of an older path are not answered, a newer one is passed on") {
  Rig rig;
  rig.forward(0, rig.path(rig.tail, 3));
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  rig.receipt(rig.tail, 0, Direction::kForward, 1, Receipt::Kind::kReceived);
  rig.forward(0, rig.path(rig.other, 2), 2);
  CHECK(rig.answer(rig.head) == std::nullopt);
  rig.handle(Received{rig.head.node,
                      Query{Rig::id(0), Direction::kForward, Attempt{3}, rig.path(rig.tail, 4)}});
  CHECK(rig.answer(rig.head) == Receipt::Kind::kReceived);
  const auto* passed = rig.sent<Query>(rig.tail);
  REQUIRE(passed != nullptr);
  CHECK(passed->path.revision == 4);
}

TEST_CASE("who may have it already is asked before bytes are sent") {
  Rig rig;
  Path mended = rig.path(rig.tail, 1);
  mended.given = 3;
  rig.forward(0, mended);
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  CHECK(rig.sent<Forward>(rig.tail) == nullptr);
  REQUIRE(rig.sent<Query>(rig.tail) != nullptr);
  rig.receipt(rig.tail, 0, Direction::kForward, 1, Receipt::Kind::kMissing);
  CHECK(rig.sent<Forward>(rig.tail) != nullptr);
}

TEST_CASE(
    "a draining node takes nothing new, nor later a copy of what it refused; then it leaves") {
  Rig rig;
  rig.apply(0);
  rig.handle(StopRequested{});
  rig.forward(1, rig.path(rig.tail));
  CHECK(rig.answer(rig.head) == Receipt::Kind::kBusy);
  CHECK(rig.node->status().phase == Phase::kDraining);
  rig.handle(UpdateDone{Version{1}});
  rig.receipt(rig.head, 0, Direction::kBackward, 2, Receipt::Kind::kApplied);
  const CheckpointId last{Epoch{1}, 1};
  REQUIRE(rig.did<RunSnapshot>() != nullptr);
  CHECK(rig.did<RunSnapshot>()->checkpoint == last);
  rig.handle(SnapshotTaken{last});
  CHECK(rig.did<StoreSnapshot>() != nullptr);
  CHECK(rig.node->status().phase == Phase::kDraining);
  rig.handle(SnapshotStored{last, true});
  CHECK(rig.node->status().phase == Phase::kOver);
  const auto* goodbye = rig.sent<NodeBeacon>(rig.head);
  REQUIRE(goodbye != nullptr);
  CHECK(goodbye->is_leaving);
}

TEST_CASE("who drains says so at once, takes nothing new, finishes what it has and is over") {
  Rig rig;
  rig.forward(0, rig.path(rig.tail));
  rig.handle(StopRequested{});
  const auto* beacon = rig.sent<NodeBeacon>(rig.head);
  REQUIRE(beacon != nullptr);
  CHECK(beacon->is_draining);
  CHECK_FALSE(beacon->is_leaving);
  CHECK(beacon->offer.path.empty());
  rig.forward(1, rig.path(rig.tail));
  CHECK(rig.answer(rig.head) == Receipt::Kind::kBusy);
  CHECK(rig.node->status().phase == Phase::kDraining);

  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  rig.receipt(rig.tail, 0, Direction::kForward, 1, Receipt::Kind::kReceived);
  rig.handle(
      Received{rig.tail.node, Backward{Rig::id(0), Attempt{1}, {1, 1}, {}, Rig::bytes(4000)}});
  rig.handle(BackwardDone{Rig::id(0), Rig::bytes(5000)});
  const auto* gradient = rig.sent<Backward>(rig.head);
  REQUIRE(gradient != nullptr);
  const std::uint32_t attempt = gradient->attempt.value();
  rig.handle(UpdateDone{Version{1}});
  CHECK(rig.node->status().phase == Phase::kDraining);  // its gradient is not home yet
  rig.receipt(rig.head, 0, Direction::kBackward, attempt, Receipt::Kind::kApplied);
  const auto* last = rig.did<RunSnapshot>();
  REQUIRE(last != nullptr);
  const CheckpointId checkpoint = last->checkpoint;
  rig.handle(SnapshotTaken{checkpoint});
  rig.handle(SnapshotStored{checkpoint, true});
  CHECK(rig.node->status().phase == Phase::kOver);
  beacon = rig.sent<NodeBeacon>(rig.head);
  REQUIRE(beacon != nullptr);
  CHECK(beacon->is_leaving);
  rig.forward(2, rig.path(rig.tail));
  CHECK(rig.node->status().taken == 1);
}

TEST_CASE("a node restores what it is told to start from, once it could be restored") {
  Rig rig;
  Options options;
  options.has_replicas = true;
  options.instance = 1;
  options.stages = 2;
  rig.node.emplace(options, StartState{}, rig.now);
  rig.handle(Tick{});
  CHECK(rig.did<RunRestore>() == nullptr);
  CHECK(rig.node->status().phase == Phase::kGathering);
  const CheckpointId first{Epoch{1}, 70};
  const CheckpointId second{Epoch{1}, 50};
  rig.handle(StartFrom{first});
  REQUIRE(rig.did<RunRestore>() != nullptr);
  CHECK(rig.did<RunRestore>()->checkpoint == first);
  CHECK(rig.node->status().phase == Phase::kRestoring);
  rig.handle(RestoreDone{first, false, {}});
  CHECK(rig.node->status().phase == Phase::kGathering);
  rig.handle(StartFrom{second});
  REQUIRE(rig.did<RunRestore>() != nullptr);
  rig.handle(RestoreDone{second, true, Version{5}});
  CHECK(rig.node->status().phase == Phase::kTraining);
  CHECK(rig.node->status().position == 50);
  CHECK(rig.node->status().from == second);
  rig.handle(StartFrom{first});
  CHECK(rig.did<RunRestore>() == nullptr);
  CHECK(rig.node->status().position == 50);
}

TEST_CASE("replicas share between two tasks, after an update that is due, and train in between") {
  Rig rig([](Options& options) { options.average_every = 1; });
  const Holder replica{test::node_id(21), 210};
  rig.handle(LinkUp{replica.node, StageIndex{1}, replica.instance});
  rig.tell(replica);
  rig.forward(0, rig.path(rig.tail));
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  rig.handle(Received{rig.tail.node, Backward{Rig::id(0), Attempt{1}, {1, 1}, {}, Rig::bytes(1)}});
  rig.handle(BackwardDone{Rig::id(0), Rig::bytes(2)});
  CHECK(rig.did<RunUpdate>() != nullptr);
  CHECK(rig.did<RunShare>() == nullptr);
  rig.forward(1, rig.path(rig.tail));
  rig.forward(2, rig.path(rig.tail));
  rig.handle(UpdateDone{Version{1}});
  REQUIRE(rig.did<RunShare>() != nullptr);
  const std::uint64_t round = rig.did<RunShare>()->round;
  rig.handle(ShareTaken{round, Rig::bytes(5)});
  REQUIRE(rig.sent<Share>(replica) != nullptr);
  CHECK(rig.sent<Share>(replica)->position == 2);  // as if the other were as fast
  CHECK(rig.did<RunForward>() != nullptr);
  rig.handle(Received{replica.node, Share{round, /*is_answer=*/true, 4, 20, Rig::bytes(6)}});
  CHECK(rig.did<RunBlend>() == nullptr);
  rig.handle(ForwardDone{Rig::id(1), Rig::bytes(3001), {}});
  REQUIRE(rig.did<RunBlend>() != nullptr);
  CHECK(rig.did<RunBlend>()->weight == 1);
  rig.handle(Blended{round, true});
  CHECK(rig.did<RunForward>() != nullptr);
  CHECK(rig.did<Release>() != nullptr);
  CHECK(rig.node->status().averaged == 1);
  CHECK(rig.node->status().position == 20);
}

TEST_CASE("a checkpoint is taken right after the update that passes a multiple of the interval") {
  Rig rig(
      [](Options& options) {
        options.checkpoint_every = 2;
        options.keep_checkpoints = 1;
      },
      StartState{{{Epoch{1}, 0}}, Epoch{1}});
  rig.apply(0);
  rig.handle(UpdateDone{Version{1}});
  CHECK(rig.did<RunSnapshot>() == nullptr);
  rig.apply(1);
  CHECK(rig.did<RunSnapshot>() == nullptr);
  rig.handle(UpdateDone{Version{2}});
  REQUIRE(rig.did<RunSnapshot>() != nullptr);
  CHECK(rig.did<RunSnapshot>()->checkpoint == CheckpointId{Epoch{1}, 2});
  CHECK(rig.did<RunSnapshot>()->version == Version{2});
  rig.handle(SnapshotTaken{{Epoch{1}, 2}});
  rig.handle(SnapshotStored{{Epoch{1}, 2}, true});
  REQUIRE(rig.did<RemoveCheckpoint>() != nullptr);
  CHECK(rig.did<RemoveCheckpoint>()->checkpoint == CheckpointId{Epoch{1}, 0});
}

struct Orphan {  // applied, its head is lost, and another head was asked to adopt it
  Rig rig;
  const Holder heir{test::node_id(11), 110};
  Path adopted = rig.path(rig.tail, 1);

  Orphan() {
    adopted.holders[0] = heir;
    rig.apply(0);
    rig.handle(LinkUp{heir.node, StageIndex{0}, heir.instance});
    rig.handle(LinkDown{rig.head.node});
    NodeBeacon beacon;
    beacon.is_ready = true;
    beacon.gone = {rig.head.instance};
    rig.handle(Received{heir.node, beacon});
  }
  bool asks() const {
    const auto* request = rig.sent<PathRequest>(heir);
    return request != nullptr && request->kind == PathRequest::Kind::kAdopt;
  }
  void adopt() {
    rig.handle(Received{heir.node, Query{Rig::id(0), Direction::kForward, Attempt{1}, adopted}});
  }
};

TEST_CASE("the holder at stage 1 asks another head to adopt what a lost one drew") {
  Orphan orphan;
  REQUIRE(orphan.asks());
  orphan.adopt();
  CHECK(orphan.rig.sent<Backward>(orphan.heir) != nullptr);
}

TEST_CASE("what its new head has closed before, with another's gradient, is let go") {
  Orphan orphan;
  const auto closed = [&](const NodeId& from) {
    orphan.rig.handle(Received{
        from, PathRequest{PathRequest::Kind::kClosed, Rig::id(0), StageIndex{0}, orphan.adopted}});
    return orphan.rig.answer(orphan.rig.tail);
  };
  CHECK(closed(orphan.rig.other.node) == std::nullopt);  // who was not asked
  CHECK(closed(orphan.heir.node) == Receipt::Kind::kApplied);
  CHECK(orphan.rig.node->status().kept_gradients == 0);
}

TEST_CASE("a new head that has given back what it adopted is asked again") {
  Orphan orphan;
  orphan.adopt();
  const auto* sent = orphan.rig.sent<Backward>(orphan.heir);
  REQUIRE(sent != nullptr);
  const std::uint32_t attempt = sent->attempt.value();
  orphan.rig.now += milliseconds{100};
  orphan.rig.handle(Tick{});
  CHECK_FALSE(orphan.asks());
  orphan.rig.receipt(orphan.heir, 0, Direction::kBackward, attempt, Receipt::Kind::kMissing);
  bool is_asked = false;
  for (int i = 0; i < 20; ++i) {
    orphan.rig.now += milliseconds{500};
    orphan.rig.tell(orphan.heir);
    is_asked = is_asked || orphan.asks();
    orphan.rig.handle(Tick{});
    is_asked = is_asked || orphan.asks();
  }
  CHECK(is_asked);
}

}  // namespace
}  // namespace brigade::swarm

// The middle of three stages in a swarm with replicas, with its neighbours and its engine played by
// hand: one node before and two after.
#include <chrono>
#include <optional>
#include <vector>

#include "swarm/node.hpp"
#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;

struct Rig {
  const Holder head{test::node_id(10), 100};
  const Holder self{test::node_id(20), 200};
  const Holder tail{test::node_id(30), 300};
  const Holder other{test::node_id(31), 310};
  TimePoint now{std::chrono::seconds{10}};
  std::optional<Node> node;
  std::vector<Action> actions;

  Rig() {
    Options options;
    options.has_replicas = true;
    options.self = self.node;
    options.instance = self.instance;
    options.stage = StageIndex{1};
    options.stages = 3;
    node.emplace(options, StartState{}, now);
    handle(Tick{});
    handle(RestoreDone{{}, true, Version{}});
    handle(LinkUp{head.node, StageIndex{0}, head.instance});
    for (const Holder& after : {tail, other}) {
      handle(LinkUp{after.node, StageIndex{2}, after.instance});
      tell(after);
    }
  }
  void tell(const Holder& from) {
    NodeBeacon beacon;
    beacon.is_ready = true;
    beacon.offer.path = {from};
    handle(Received{from.node, beacon});
  }
  void handle(const Event& event) {
    actions.clear();
    node->handle(now, event);
    while (auto action = node->poll_action()) actions.push_back(std::move(*action));
  }
  static MicrobatchId id(std::uint64_t sequence) {
    return {Epoch{1}, HeadIndex{100}, Sequence{sequence}, MicrobatchId::Kind::kTrain};
  }
  static Payload bytes(std::uint64_t payload) { return {PayloadId{payload}, 64, payload}; }
  Path path(const Holder& last, std::uint32_t revision = 0) const {
    return {{head, self, last}, revision, 2, Sequence{0}};
  }
  void forward(std::uint64_t sequence, const Path& path, std::uint32_t attempt = 1) {
    handle(Received{head.node, Forward{id(sequence),
                                       Attempt{attempt},
                                       {Sequence{sequence}, 1},
                                       bytes(1000 + 10 * sequence + attempt),
                                       path}});
  }
  void receipt(const Holder& from, std::uint64_t sequence, Direction direction,
               std::uint32_t attempt, Receipt::Kind kind) {
    handle(Received{from.node, Receipt{id(sequence), direction, Attempt{attempt}, kind}});
  }
  /// Up to the gradient on its way to the head.
  void apply(std::uint64_t sequence) {
    forward(sequence, path(tail));
    handle(ForwardDone{id(sequence), bytes(3000 + sequence), {}});
    receipt(tail, sequence, Direction::kForward, 1, Receipt::Kind::kReceived);
    handle(Received{tail.node,
                    Backward{id(sequence), Attempt{1}, {1, 1}, {}, bytes(4000 + sequence)}});
    handle(BackwardDone{id(sequence), bytes(5000 + sequence)});
  }
  template <class T>
  const T* sent(const Holder& to) const {
    for (const Action& action : actions) {
      const auto* send = std::get_if<Send>(&action);
      if (send == nullptr || send->to != to.node) continue;
      if (const auto* it = std::get_if<T>(&send->message)) return it;
    }
    return nullptr;
  }
  std::optional<Receipt::Kind> answer(const Holder& to) const {
    const auto* receipt = sent<Receipt>(to);
    return receipt == nullptr ? std::nullopt : std::optional(receipt->kind);
  }
};

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
  rig.handle(LinkUp{rig.tail.node, StageIndex{2}, 301});
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
  CHECK(rig.node->status().phase == Phase::kOver);
  const auto* goodbye = rig.sent<NodeBeacon>(rig.head);
  REQUIRE(goodbye != nullptr);
  CHECK(goodbye->is_leaving);
}

TEST_CASE("the holder at stage 1 asks another head to adopt what a lost one drew") {
  Rig rig;
  const Holder heir{test::node_id(11), 110};
  rig.apply(0);
  rig.handle(LinkUp{heir.node, StageIndex{0}, heir.instance});
  NodeBeacon beacon;
  beacon.is_ready = true;
  beacon.gone = {rig.head.instance};
  rig.handle(Received{heir.node, beacon});
  const auto* request = rig.sent<PathRequest>(heir);
  REQUIRE(request != nullptr);
  CHECK(request->kind == PathRequest::Kind::kAdopt);
  Path adopted = rig.path(rig.tail, 1);
  adopted.holders[0] = heir;
  rig.handle(Received{heir.node, Query{Rig::id(0), Direction::kForward, Attempt{1}, adopted}});
  CHECK(rig.sent<Backward>(heir) != nullptr);
}

}  // namespace
}  // namespace brigade::swarm

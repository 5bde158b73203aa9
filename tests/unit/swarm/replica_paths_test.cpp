// What a holder does about the path of a micro-batch while nothing is wrong, and about links that
// it lacks.
#include <algorithm>
#include <chrono>
#include <functional>

#include "tests/unit/swarm/replica_rig.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Rig;

/// The tail has a long queue, the other one is free.
void fill_tail(Rig& rig) {
  for (const Holder& after : {rig.tail, rig.other}) {
    NodeBeacon beacon;
    beacon.is_ready = true;
    beacon.offer = {{after}, after == rig.tail ? 20U : 0U, milliseconds{100}};
    rig.handle(Received{after.node, beacon});
  }
}

TEST_CASE("who begins a forward proposes a next holder that is free sooner") {
  Rig rig;
  fill_tail(rig);
  rig.forward(0, rig.path(rig.tail));
  CHECK(rig.answer(rig.head) == Receipt::Kind::kReceived);
  const auto* request = rig.sent<PathRequest>(rig.head);
  REQUIRE(request != nullptr);
  CHECK(request->kind == PathRequest::Kind::kSooner);
  CHECK(request->path.holders[2] == rig.other);
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  CHECK(rig.sent<Forward>(rig.tail) == nullptr);  // not before the head's word
  CHECK(rig.sent<Forward>(rig.other) == nullptr);
  Path changed = rig.path(rig.other, 1);
  rig.handle(Received{rig.head.node, Query{Rig::id(0), Direction::kForward, Attempt{1}, changed}});
  REQUIRE(rig.sent<Forward>(rig.other) != nullptr);
  CHECK(rig.sent<Forward>(rig.other)->path.holders[2] == rig.other);
}

TEST_CASE("it looks when its forward begins, not while that waits for others") {
  Rig rig;
  rig.forward(0, rig.path(rig.tail));  // nobody's speed is known
  fill_tail(rig);
  rig.forward(1, rig.path(rig.tail));
  CHECK(rig.sent<PathRequest>(rig.head) == nullptr);
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  REQUIRE(rig.did<RunForward>() != nullptr);
  REQUIRE(rig.sent<PathRequest>(rig.head) != nullptr);
  CHECK(rig.sent<PathRequest>(rig.head)->id == Rig::id(1));
}

TEST_CASE("a path is left as it is where another is not worth the question") {
  const auto asks = [](const std::function<void(Rig&)>& begin) {
    Rig rig;
    begin(rig);
    REQUIRE(rig.did<RunForward>() != nullptr);
    return rig.sent<PathRequest>(rig.head) != nullptr;
  };
  CHECK_FALSE(asks([](Rig& rig) { rig.forward(0, rig.path(rig.tail)); }));  // speeds not known
  CHECK_FALSE(asks([](Rig& rig) {
    fill_tail(rig);
    Path mended = rig.path(rig.tail);
    mended.given = 3;  // the tail may have it already
    rig.forward(1, mended);
  }));
  CHECK_FALSE(asks([](Rig& rig) {
    fill_tail(rig);
    rig.forward(2, rig.path(rig.other));
  }));
}

TEST_CASE("what was let go while another path was asked for is not taken on the old one") {
  Rig rig;
  fill_tail(rig);
  rig.forward(0, rig.path(rig.tail));
  REQUIRE(rig.sent<PathRequest>(rig.head) != nullptr);
  rig.handle(InputRejected{Rig::id(0), Direction::kForward});
  rig.forward(0, rig.path(rig.tail), 2);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kBusy);
  rig.forward(0, rig.path(rig.other, 1), 3);  // the head has changed it
  CHECK(rig.answer(rig.head) == Receipt::Kind::kReceived);
}

TEST_CASE("missing, said by who was sent it, says nothing of those beyond") {
  Rig rig([](Options& options) { options.stages = 4; });
  const Holder last{test::node_id(40), 400};
  rig.forward(0, {{rig.head, rig.self, rig.tail, last}, 0, 2, Sequence{0}});
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  REQUIRE(rig.sent<Forward>(rig.tail) != nullptr);
  CHECK(rig.sent<Forward>(rig.tail)->path.given == 3);
  rig.now += seconds{6};  // its receipt was lost
  rig.tell(rig.tail);
  REQUIRE(rig.sent<Query>(rig.tail) != nullptr);
  rig.receipt(rig.tail, 0, Direction::kForward, 1, Receipt::Kind::kMissing);
  REQUIRE(rig.sent<Forward>(rig.tail) != nullptr);
  CHECK(rig.sent<Forward>(rig.tail)->path.given == 4);
}

TEST_CASE("a link is wanted with who is on the path and not linked, for as long as it is") {
  Rig rig;
  const Holder far{test::node_id(50), 500};
  Path mended = rig.path(far);  // another giver was lost; far has it, perhaps
  mended.given = 3;
  rig.forward(0, mended);
  rig.handle(ForwardDone{Rig::id(0), Rig::bytes(3000), {}});
  const auto* wish = rig.did<LinkWanted>();
  REQUIRE(wish != nullptr);
  CHECK(wish->peer == far.node);
  CHECK(wish->is_wanted);
  rig.handle(LinkUp{far.node, StageIndex{2}, far.instance});
  CHECK(rig.did<LinkWanted>() == nullptr);
  rig.handle(Tick{});
  REQUIRE(rig.sent<Query>(far) != nullptr);
  rig.receipt(far, 0, Direction::kForward, 1, Receipt::Kind::kReceived);
  rig.handle(Received{far.node, Backward{Rig::id(0), Attempt{1}, {1, 1}, {}, Rig::bytes(4000)}});
  rig.handle(BackwardDone{Rig::id(0), Rig::bytes(5000)});
  rig.receipt(rig.head, 0, Direction::kBackward, 2, Receipt::Kind::kApplied);
  rig.now += seconds{1};
  rig.handle(Tick{});
  wish = rig.did<LinkWanted>();
  REQUIRE(wish != nullptr);
  CHECK(wish->peer == far.node);
  CHECK_FALSE(wish->is_wanted);
}

TEST_CASE("who has applied it and lost its gradient takes it again on a newer path alone") {
  Rig rig([](Options& options) { options.stages = 2; });  // the last stage
  const auto given = [&](std::uint32_t revision, std::uint32_t attempt) {
    rig.forward(0, {{rig.head, rig.self}, revision, 2, Sequence{0}}, attempt);
  };
  given(0, 1);
  rig.handle(ForwardDone{Rig::id(0), {}, {1, 1}});
  rig.handle(BackwardDone{Rig::id(0), Rig::bytes(5000)});
  REQUIRE(rig.sent<Backward>(rig.head) != nullptr);
  rig.handle(UpdateDone{Version{1}});
  rig.receipt(rig.head, 0, Direction::kBackward, 1, Receipt::Kind::kSpent);  // given up there
  given(0, 2);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kSpent);
  given(1, 3);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kReceived);
  CHECK(rig.node->status().written_off == 1);
  rig.handle(InputRejected{Rig::id(0), Direction::kForward});  // let go again: it is not closed
  given(1, 4);
  CHECK(rig.answer(rig.head) == Receipt::Kind::kSpent);
}

TEST_CASE("floors go to the stage after, of whom it concerns, and grow no younger") {
  Rig rig;
  const auto floors_to = [&](const Holder& to) {
    const auto* beacon = rig.sent<NodeBeacon>(to);
    return beacon == nullptr ? std::vector<NodeBeacon::Floor>{} : beacon->floors;
  };
  for (std::uint64_t head = 200; head < 220; ++head) {
    NodeBeacon beacon;
    beacon.is_ready = true;
    beacon.floors = {{HeadIndex{head}, Sequence{7}, seconds{3}}};
    rig.handle(Received{rig.head.node, beacon});
  }
  rig.forward(9, rig.path(rig.tail));
  rig.now += seconds{2};
  rig.handle(Tick{});
  CHECK(floors_to(rig.head).empty());
  const auto to_tail = floors_to(rig.tail);
  const auto of_head = std::ranges::find(to_tail, HeadIndex{100}, &NodeBeacon::Floor::head);
  REQUIRE(of_head != to_tail.end());
  CHECK(to_tail.size() == 5);  // and four in turn
  CHECK(floors_to(rig.other).size() == 4);
  for (const NodeBeacon::Floor& floor : floors_to(rig.other)) {
    CHECK((floor.head == HeadIndex{100} || floor.age == seconds{5}));
  }
}

TEST_CASE("while it does not know its pace each beacon comes twice as long after the last") {
  Rig rig;
  const TimePoint until = rig.now + seconds{30};
  TimePoint due = rig.now;
  std::vector<Duration> told;
  for (; rig.now < until; rig.now += milliseconds{100}) {
    rig.handle(Tick{});
    const auto* beacon = rig.sent<NodeBeacon>(rig.head);
    if (beacon == nullptr) continue;
    if (!told.empty()) CHECK(rig.now == due);  // as it said
    told.push_back(beacon->every);
    due = rig.now + beacon->every;
  }
  REQUIRE(told.size() > 4);
  for (std::size_t i = 1; i < told.size(); ++i)
    CHECK(told[i] == std::min<Duration>(2 * told[i - 1], seconds{5}));
}

TEST_CASE("who has restored offers a path at once, and who refuses bytes offers it still") {
  Rig rig({}, {}, std::nullopt);
  rig.handle(RestoreDone{{}, true, Version{}, {}});
  REQUIRE(rig.sent<NodeBeacon>(rig.head) != nullptr);
  CHECK(rig.sent<NodeBeacon>(rig.head)->is_ready);
  CHECK(rig.sent<NodeBeacon>(rig.head)->offer.path.size() == 2);
  rig.forward(0, rig.path(rig.tail));
  rig.handle(InputRejected{Rig::id(0), Direction::kForward, "a NaN"});
  CHECK(rig.answer(rig.head) == Receipt::Kind::kRejected);
  CHECK(rig.sent<Receipt>(rig.head)->offer.path.size() == 2);
}

TEST_CASE("the path that it offers goes to the stage before alone") {
  Rig rig;
  rig.now += seconds{6};
  rig.handle(Tick{});
  REQUIRE(rig.sent<NodeBeacon>(rig.head) != nullptr);
  REQUIRE(rig.sent<NodeBeacon>(rig.tail) != nullptr);
  CHECK(rig.sent<NodeBeacon>(rig.head)->offer.path.size() == 2);
  CHECK(rig.sent<NodeBeacon>(rig.tail)->offer.path.empty());
}

}  // namespace
}  // namespace brigade::swarm

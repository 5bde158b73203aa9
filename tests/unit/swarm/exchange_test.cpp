// The conversation about one micro-batch, seen from a middle stage whose neighbours misbehave in
// every way that a network, a restart or malice can produce.
#include "swarm/exchange.hpp"

#include "tests/catch.hpp"
#include "tests/unit/swarm/solo.hpp"

namespace brigade::swarm::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Receipt::Kind;

constexpr Direction kDown = Direction::kForward;
constexpr Direction kUp = Direction::kBackward;

}  // namespace

TEST_CASE("a micro-batch goes through a middle stage with one receipt for each message") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  CHECK(solo.answer(solo.before) == Kind::kReceived);
  REQUIRE(solo.find<RunForward>() != nullptr);
  CHECK(solo.find<RunForward>()->keeps);
  solo.forwarded(0);
  REQUIRE(solo.sent<Forward>(solo.after) != nullptr);
  CHECK(solo.sent<Forward>(solo.after)->payload.id == PayloadId{3000});
  CHECK_FALSE(solo.has_released(3000));
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  CHECK(solo.has_released(3000));
  solo.backward(0);
  CHECK(solo.answer(solo.after) == Kind::kReceived);
  REQUIRE(solo.find<RunBackward>() != nullptr);
  CHECK(solo.find<RunBackward>()->input.id == PayloadId{1000});
  CHECK(solo.find<RunBackward>()->gradient.id == PayloadId{2000});
  CHECK(solo.released.size() == 1);
  solo.backwarded(0);
  CHECK(solo.answer(solo.after) == Kind::kApplied);
  REQUIRE(solo.sent<Backward>(solo.before) != nullptr);
  CHECK(solo.sent<Backward>(solo.before)->loss.nats == 1.5);
  CHECK(solo.find<RunUpdate>() != nullptr);
  CHECK(solo.has_released(1000));
  CHECK(solo.has_released(2000));
  CHECK_FALSE(solo.has_released(4000));
  CHECK(solo.node->status().kept_gradients == 1);
  solo.receipt(solo.before, 0, kUp, 1, Kind::kReceived);
  CHECK_FALSE(solo.has_released(4000));
  solo.receipt(solo.before, 0, kUp, 1, Kind::kApplied);
  CHECK(solo.has_released(4000));
  CHECK(solo.node->status().kept_gradients == 0);
  CHECK(solo.released.size() == 4);
}

TEST_CASE("the gradient leaves before the update is made") {
  Solo solo;
  solo.make_ready();
  solo.apply(0);
  std::size_t gradient = 0;
  std::size_t update = 0;
  for (std::size_t i = 0; i < solo.actions.size(); ++i) {
    const auto* send = std::get_if<Send>(&solo.actions[i]);
    if (send != nullptr && send->to == solo.before) gradient = i;
    if (std::holds_alternative<RunUpdate>(solo.actions[i])) update = i;
  }
  CHECK(gradient < update);
}

TEST_CASE("a receipt that is late is asked for, with growing pauses and without the bytes") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  Duration pause = solo.options.receipt_deadline;
  solo.pass(pause - milliseconds{1});
  CHECK(solo.sent<Query>(solo.after) == nullptr);
  solo.pass(milliseconds{1});
  for (int i = 0; i < 4; ++i) {
    CHECK(solo.sent<Forward>(solo.after) == nullptr);
    REQUIRE(solo.sent<Query>(solo.after) != nullptr);
    CHECK(solo.sent<Query>(solo.after)->attempt == Attempt{1});
    pause = std::min<Duration>(pause * 2, solo.options.longest_pause);
    solo.pass(pause - milliseconds{1});
    CHECK(solo.sent<Query>(solo.after) == nullptr);
    solo.pass(pause / 4 + milliseconds{1});
  }
  CHECK(solo.node->status().repeats == 0);
}

TEST_CASE("bytes that did not arrive are sent again, as another attempt") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.pass(solo.options.receipt_deadline);
  REQUIRE(solo.sent<Query>(solo.after) != nullptr);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kMissing);
  REQUIRE(solo.sent<Forward>(solo.after) != nullptr);
  CHECK(solo.sent<Forward>(solo.after)->attempt == Attempt{2});
  CHECK(solo.sent<Forward>(solo.after)->payload.id == PayloadId{3000});
  CHECK(solo.node->status().repeats == 1);
}

TEST_CASE("a receipt of an earlier attempt, or from somebody else, is not believed") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.pass(solo.options.receipt_deadline);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kMissing);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  CHECK_FALSE(solo.has_released(3000));
  solo.receipt(solo.before, 0, kDown, 2, Kind::kReceived);
  CHECK_FALSE(solo.has_released(3000));
  solo.receipt(solo.after, 0, kUp, 2, Kind::kReceived);
  CHECK_FALSE(solo.has_released(3000));
  solo.receipt(solo.after, 0, kDown, 2, Kind::kReceived);
  CHECK(solo.has_released(3000));
}

TEST_CASE("a gradient that is late is asked about, and forwarded again only if it was lost") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  solo.pass(solo.options.gradient_deadline);
  REQUIRE(solo.sent<Query>(solo.after) != nullptr);
  CHECK(solo.sent<Query>(solo.after)->attempt == Attempt{1});
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  CHECK(solo.find<RunForward>() == nullptr);
  solo.pass(solo.options.longest_pause * 2);
  REQUIRE(solo.sent<Query>(solo.after) != nullptr);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kMissing);
  REQUIRE(solo.find<RunForward>() != nullptr);
  CHECK(solo.find<RunForward>()->input.id == PayloadId{1000});
  CHECK(solo.find<RunForward>()->keeps);
  solo.forwarded(0, 3500);
  REQUIRE(solo.sent<Forward>(solo.after) != nullptr);
  CHECK(solo.sent<Forward>(solo.after)->attempt == Attempt{2});
  CHECK(solo.sent<Forward>(solo.after)->payload.id == PayloadId{3500});
}

TEST_CASE("a gradient that comes while its micro-batch is forwarded again is used") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  const bool is_running = GENERATE(true, false);
  if (!is_running) solo.forward(1);  // occupies the engine
  solo.pass(solo.options.gradient_deadline);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kMissing);
  CHECK((solo.find<RunForward>() != nullptr) == is_running);
  solo.backward(0);
  CHECK(solo.answer(solo.after) == Kind::kReceived);
  if (is_running) {
    solo.forwarded(0, 3500);
    CHECK(solo.has_released(3500));
    CHECK(solo.sent<Forward>(solo.after) == nullptr);
  } else {
    solo.forwarded(1);
  }
  REQUIRE(solo.find<RunBackward>() != nullptr);
  CHECK(solo.find<RunBackward>()->id == Solo::id(0));
}

TEST_CASE("an activation that comes twice is acknowledged twice and forwarded once") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forward(0, 2, 1500);
  CHECK(solo.answer(solo.before) == Kind::kReceived);
  CHECK(solo.has_released(1500));
  solo.forwarded(0);
  CHECK(solo.find<RunForward>() == nullptr);
  CHECK(solo.node->status().duplicates == 1);
  CHECK(solo.node->status().drawn == 1);
}

TEST_CASE("an activation of what is applied is answered with the gradient that was kept") {
  Solo solo;
  solo.make_ready();
  solo.apply(0);
  solo.forward(0, 2, 1500);
  CHECK(solo.has_released(1500));
  REQUIRE(solo.sent<Backward>(solo.before) != nullptr);
  CHECK(solo.sent<Backward>(solo.before)->payload.id == PayloadId{4000});
  CHECK(solo.sent<Backward>(solo.before)->attempt == Attempt{2});
  solo.receipt(solo.before, 0, kUp, 2, Kind::kApplied);
  solo.forward(0, 3, 1600);  // late: it is acknowledged and nothing else
  CHECK(solo.has_released(1600));
  CHECK(solo.answer(solo.before) == Kind::kReceived);
  CHECK(solo.sent<Backward>(solo.before) == nullptr);
  CHECK(solo.node->status().applied == 1);
}

TEST_CASE("a gradient that comes again is acknowledged as what became of it, never applied again") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  solo.backward(0);
  solo.backward(0, 2, 2500);  // while the engine is at it
  CHECK(solo.answer(solo.after) == Kind::kReceived);
  CHECK(solo.has_released(2500));
  solo.backwarded(0);
  CHECK(solo.sent<Receipt>(solo.after)->attempt == Attempt{2});
  solo.backward(0, 3, 2600);
  CHECK(solo.answer(solo.after) == Kind::kApplied);
  CHECK(solo.has_released(2600));
  solo.receipt(solo.before, 0, kUp, 1, Kind::kApplied);
  solo.backward(0, 4, 2700);
  CHECK(solo.answer(solo.after) == Kind::kApplied);
  CHECK(solo.has_released(2700));
  CHECK(solo.node->status().applied == 1);
}

TEST_CASE("questions are answered with what is known") {
  Solo solo;
  solo.make_ready();
  solo.query(solo.before, 0, kDown);
  CHECK(solo.answer(solo.before) == Kind::kMissing);
  solo.query(solo.after, 0, kUp);
  CHECK(solo.answer(solo.after) == Kind::kMissing);
  solo.forward(0);
  solo.query(solo.before, 0, kDown);
  CHECK(solo.answer(solo.before) == Kind::kReceived);
  solo.forwarded(0);
  solo.query(solo.after, 0, kUp);
  CHECK(solo.answer(solo.after) == Kind::kMissing);
  solo.backward(0);
  solo.query(solo.after, 0, kUp);
  CHECK(solo.answer(solo.after) == Kind::kReceived);
  solo.backwarded(0);
  solo.query(solo.after, 0, kUp);
  CHECK(solo.answer(solo.after) == Kind::kApplied);
  solo.query(solo.before, 0, kDown);
  CHECK(solo.sent<Backward>(solo.before) != nullptr);
}

TEST_CASE("a gradient is kept, asked about and sent again until it is applied") {
  Solo solo;
  solo.make_ready();
  solo.apply(0);
  solo.updated();
  solo.receipt(solo.before, 0, kUp, 1, Kind::kReceived);
  solo.pass(solo.options.gradient_deadline);
  REQUIRE(solo.sent<Query>(solo.before) != nullptr);
  CHECK(solo.sent<Query>(solo.before)->direction == kUp);
  solo.receipt(solo.before, 0, kUp, 1, Kind::kMissing);
  REQUIRE(solo.sent<Backward>(solo.before) != nullptr);
  CHECK(solo.sent<Backward>(solo.before)->payload.id == PayloadId{4000});
}

TEST_CASE("a busy peer is given time") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kBusy);
  CHECK_FALSE(solo.has_released(3000));
  solo.pass(solo.options.receipt_deadline);
  CHECK(solo.sent<Forward>(solo.after) == nullptr);
  solo.pass(solo.options.receipt_deadline * 2);
  REQUIRE(solo.sent<Forward>(solo.after) != nullptr);
  CHECK(solo.sent<Forward>(solo.after)->payload.id == PayloadId{3000});
}

TEST_CASE("messages of another epoch are released and nothing more") {
  Solo solo;
  solo.make_ready(Epoch{2});
  solo.forward(0);
  CHECK(solo.has_released(1000));
  CHECK(solo.sent<Receipt>(solo.before) == nullptr);
  CHECK(solo.find<Misbehaved>() == nullptr);
  solo.backward(0);
  CHECK(solo.has_released(2000));
  solo.query(solo.before, 0, kDown);
  CHECK(solo.sent<Receipt>(solo.before) == nullptr);
}

TEST_CASE("what can't be feeds the score of its sender and is released") {
  Solo solo;
  solo.make_ready();
  SECTION("an activation from the stage after") {
    solo.handle(Received{solo.after, Forward{Solo::id(0), Attempt{1}, {}, Solo::bytes(9)}});
  }
  SECTION("an activation from a stranger") {
    solo.handle(Received{node_id(7), Forward{Solo::id(0), Attempt{1}, {}, Solo::bytes(9)}});
  }
  SECTION("a gradient from the stage before") {
    solo.handle(Received{solo.before, Backward{Solo::id(0), Attempt{1}, {}, {}, Solo::bytes(9)}});
  }
  SECTION("a gradient of what was never forwarded") {
    solo.forward(0);
    solo.backward(0, 1, 9);
  }
  SECTION("a group in an asynchronous run") {
    solo.handle(
        Received{solo.before, Forward{Solo::id(1), Attempt{1}, {Sequence{0}, 4}, Solo::bytes(9)}});
  }
  SECTION("a head beyond the bound") {
    MicrobatchId id = Solo::id(0);
    id.head = HeadIndex{1U << 30};
    solo.handle(Received{solo.before, Forward{id, Attempt{1}, {}, Solo::bytes(9)}});
  }
  SECTION("a micro-batch beyond the last one") {
    DownBeacon beacon;
    beacon.epoch = Epoch{1};
    beacon.final_position = 3;
    solo.handle(Received{solo.before, beacon});
    solo.forward(3, 1, 9);
  }
  CHECK(solo.find<Misbehaved>() != nullptr);
  CHECK(solo.has_released(9));
}

TEST_CASE("at its bound a stage says that it is busy") {
  Solo solo;
  solo.make_ready();
  solo.forward(limits::kMaxAppliedAhead, 1, 9);
  CHECK(solo.answer(solo.before) == Kind::kBusy);
  CHECK(solo.has_released(9));
  for (std::uint64_t i = 0; i < limits::kMaxAppliedAhead; ++i) solo.forward(i, 1, 10'000 + i);
  CHECK(solo.node->status().in_flight == limits::kMaxInFlight);
  CHECK(solo.answer(solo.before) == Kind::kReceived);
}

TEST_CASE("a link that breaks stops the clock, and what was owed is due when it comes back") {
  Solo solo;
  solo.make_ready();
  solo.forward(0);
  solo.forwarded(0);
  solo.receipt(solo.after, 0, kDown, 1, Kind::kReceived);
  solo.forward(1);
  solo.forwarded(1);
  solo.handle(LinkDown{solo.after});
  solo.forward(2);
  solo.forwarded(2);
  CHECK(solo.sent<Forward>(solo.after) == nullptr);
  solo.pass(seconds{3600});
  CHECK(solo.sent<Forward>(solo.after) == nullptr);
  CHECK(solo.sent<Query>(solo.after) == nullptr);
  solo.handle(LinkUp{solo.after, StageIndex{2}});
  std::vector<std::uint64_t> asked, sent;
  for (const Action& action : solo.actions) {
    const auto* send = std::get_if<Send>(&action);
    if (send == nullptr) continue;
    if (const auto* query = std::get_if<Query>(&send->message)) {
      asked.push_back(query->id.sequence.value());
    } else if (const auto* forward = std::get_if<Forward>(&send->message)) {
      sent.push_back(forward->id.sequence.value());
    }
  }
  CHECK(asked == std::vector<std::uint64_t>{0, 1});
  CHECK(sent == std::vector<std::uint64_t>{2});  // never on its way before
}

TEST_CASE("a new epoch releases everything once and waits for the engine") {
  Solo solo;
  solo.make_ready();
  solo.apply(0);
  solo.updated();
  solo.forward(1);
  solo.forwarded(1);
  solo.forward(2);  // the engine is at it
  solo.forward(3);
  solo.hear_down(Epoch{2});
  CHECK(solo.has_released(4000));
  CHECK(solo.has_released(1001));
  CHECK(solo.has_released(3001));
  CHECK(solo.has_released(1003));
  CHECK_FALSE(solo.has_released(1002));
  CHECK(solo.find<RunRestore>() == nullptr);
  solo.hear_down(Epoch{3});  // another one, while the engine is still at it
  CHECK(solo.find<RunRestore>() == nullptr);
  solo.forwarded(2);
  CHECK(solo.has_released(1002));
  CHECK(solo.has_released(3002));
  REQUIRE(solo.find<RunRestore>() != nullptr);
  CHECK(solo.find<RunRestore>()->epoch == Epoch{3});
  CHECK(solo.node->status().drawn == 0);
}

TEST_CASE("a snapshot names what is applied beyond its position") {
  Solo solo([](Options& options) { options.checkpoint_every = 2; });
  solo.make_ready();
  for (const std::uint64_t sequence : {0U, 2U, 3U}) {
    solo.apply(sequence);
    solo.updated();
    CHECK(solo.find<RunSnapshot>() == nullptr);
  }
  solo.apply(1);
  solo.updated();
  REQUIRE(solo.find<RunSnapshot>() != nullptr);
  const RunSnapshot snapshot = *solo.find<RunSnapshot>();
  CHECK(snapshot.checkpoint == CheckpointId{Epoch{1}, 4});
  CHECK(snapshot.next_sequence == Sequence{4});
  CHECK(snapshot.applied_ahead.empty());
  solo.handle(SnapshotTaken{snapshot.checkpoint});
  solo.handle(SnapshotStored{snapshot.checkpoint, true});
  for (const std::uint64_t sequence : {4U, 6U}) {
    solo.apply(sequence);
    solo.updated();
  }
  solo.apply(5);
  solo.updated();
  REQUIRE(solo.find<RunSnapshot>() != nullptr);
  CHECK(solo.find<RunSnapshot>()->checkpoint == CheckpointId{Epoch{1}, 6});
  CHECK(solo.find<RunSnapshot>()->applied_ahead == std::vector<Sequence>{Sequence{6}});
}

TEST_CASE("a stage does not join an epoch that it took part in, or that is sealed") {
  Solo solo({}, StartState{{}, Epoch{4}});
  solo.handle(LinkUp{solo.before, StageIndex{0}});
  solo.hear_down(Epoch{4});
  CHECK(solo.find<RunRestore>() == nullptr);
  solo.hear_down(Epoch{5}, true);
  CHECK(solo.find<RunRestore>() == nullptr);
  CHECK(solo.node->status().phase == Phase::kGathering);
  solo.hear_down(Epoch{6});
  CHECK(solo.find<RunRestore>() != nullptr);
}

}  // namespace brigade::swarm::test

#include "swarm/line_session.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using Kind = LineSession::Verdict::Kind;

const std::vector<CheckpointId> kOrigin{CheckpointId{}};

Options stage_of(std::uint32_t stage, std::uint32_t stages = 3) {
  Options options;
  options.stage = StageIndex{stage};
  options.stages = stages;
  return options;
}

LineSession::Own own(const std::vector<CheckpointId>& offers = kOrigin) {
  return {offers, 0, false, false};
}

UpBeacon from_all(std::uint32_t stages = 2) {
  UpBeacon beacon;
  beacon.stages = stages;
  beacon.needs_epoch = true;
  beacon.offers = kOrigin;
  return beacon;
}

UpBeacon in_epoch(std::uint32_t epoch, bool is_ready) {
  UpBeacon beacon = from_all();
  beacon.needs_epoch = false;
  beacon.epoch = beacon.max_epoch = Epoch{epoch};
  beacon.is_ready = is_ready;
  return beacon;
}

}  // namespace

TEST_CASE("the head starts an epoch when every stage has reported, and not before") {
  LineSession head(stage_of(0), Epoch{});
  CHECK(head.decide(own()).kind == Kind::kStay);
  CHECK(head.hear(from_all(1)));
  CHECK(head.decide(own()).kind == Kind::kStay);
  CHECK(head.hear(from_all(2)));
  const auto verdict = head.decide(own());
  CHECK(verdict.kind == Kind::kEnter);
  CHECK(verdict.epoch == Epoch{1});
  head.enter(verdict);
  CHECK(head.decide(own()).kind == Kind::kStay);  // what it heard was said before
}

TEST_CASE("an epoch is above everything that anybody has seen and starts at the newest common") {
  LineSession head(stage_of(0), Epoch{3});
  UpBeacon beacon = from_all();
  beacon.max_epoch = Epoch{8};
  beacon.offers = {{Epoch{2}, 40}, {Epoch{2}, 30}, {}};
  CHECK(head.hear(beacon));
  const std::vector<CheckpointId> mine{{Epoch{2}, 50}, {Epoch{2}, 30}, {}};
  const auto verdict = head.decide(own(mine));
  CHECK(verdict.epoch == Epoch{9});
  CHECK(verdict.from == CheckpointId{Epoch{2}, 30});
}

TEST_CASE("nothing common is a reason to be blocked") {
  LineSession head(stage_of(0), Epoch{});
  UpBeacon beacon = from_all();
  beacon.offers = {{Epoch{1}, 10}};
  CHECK(head.hear(beacon));
  CHECK(head.decide(own()).kind == Kind::kBlocked);
}

TEST_CASE("starting over needs leave while newer state exists") {
  for (const bool may : {false, true}) {
    Options options = stage_of(0);
    options.may_start_over = may;
    LineSession head(options, Epoch{});
    UpBeacon beacon = from_all();
    beacon.newest = {Epoch{1}, 10};
    CHECK(head.hear(beacon));
    CHECK(head.decide(own()).kind == (may ? Kind::kEnter : Kind::kBlocked));
  }
}

TEST_CASE("a stage is ready when it and everything after it has restored the same epoch") {
  LineSession middle(stage_of(1), Epoch{});
  DownBeacon beacon;
  beacon.epoch = Epoch{1};
  CHECK(middle.hear(beacon));
  middle.enter(middle.decide(own()));
  UpBeacon tail = in_epoch(1, true);
  tail.stages = 1;
  CHECK(middle.hear(tail));
  CHECK_FALSE(middle.is_sealed());
  middle.on_restored(true);
  CHECK(middle.is_sealed());
  CHECK(middle.up_beacon(own()).is_ready);
  CHECK(middle.down_beacon({}).is_sealed);
}

TEST_CASE("a stage outside a sealed epoch means that a new one is needed") {
  LineSession head(stage_of(0), Epoch{});
  head.hear(from_all());
  head.enter(head.decide(own()));
  head.on_restored(true);
  head.hear(in_epoch(1, true));
  CHECK(head.is_sealed());
  head.hear(from_all());  // late, from before: what it has seen is less
  CHECK(head.decide(own()).kind == Kind::kStay);
  head.lose_after();
  CHECK(head.decide(own()).kind == Kind::kStay);
  head.hear(from_all());  // the same words on a new link: it has lost its state
  CHECK(head.decide(own()).kind == Kind::kEnter);
  CHECK(head.decide(own()).epoch == Epoch{2});
}

TEST_CASE(
    "a stage that could not restore asks for another epoch and does not join the same again") {
  LineSession tail(stage_of(2), Epoch{});
  DownBeacon beacon;
  beacon.epoch = Epoch{4};
  tail.hear(beacon);
  tail.enter(tail.decide(own()));
  tail.on_restored(false);
  CHECK(tail.up_beacon(own()).needs_epoch);
  CHECK(tail.up_beacon(own()).max_epoch == Epoch{4});
  CHECK(tail.decide(own()).kind == Kind::kStay);
  LineSession head(stage_of(0, 2), Epoch{});
  UpBeacon fresh = from_all(1);
  fresh.max_epoch = Epoch{3};
  head.hear(fresh);
  head.enter(head.decide(own()));
  CHECK(head.epoch() == Epoch{4});
  UpBeacon failed = fresh;
  failed.max_epoch = Epoch{4};
  head.hear(failed);
  CHECK(head.decide(own()).epoch == Epoch{5});
}

TEST_CASE("what was true of an epoch stays true when a beacon comes late") {
  LineSession tail(stage_of(2), Epoch{});
  DownBeacon beacon;
  beacon.epoch = Epoch{1};
  beacon.final_position = 20;
  tail.hear(beacon);
  beacon.final_position.reset();
  tail.hear(beacon);
  CHECK(tail.before()->final_position == 20U);
  beacon.epoch = Epoch{};
  beacon.is_over = true;
  tail.hear(beacon);
  CHECK(tail.before()->epoch == Epoch{1});
  CHECK(tail.before()->is_over);
}

TEST_CASE("beacons that can't be are refused") {
  LineSession head(stage_of(0), Epoch{});
  UpBeacon beacon = from_all();
  beacon.stages = 3;
  CHECK_FALSE(head.hear(beacon));
  beacon = from_all();
  beacon.stages = 0;
  CHECK_FALSE(head.hear(beacon));
  beacon = from_all();
  beacon.max_epoch = Epoch{limits::kMaxEpoch + 1};
  CHECK_FALSE(head.hear(beacon));
  beacon = from_all();
  beacon.epoch = Epoch{1};  // more than it has seen
  CHECK_FALSE(head.hear(beacon));
  beacon = from_all();
  beacon.offers = {{}, {Epoch{1}, 5}};
  CHECK_FALSE(head.hear(beacon));
  beacon.offers.assign(limits::kMaxOffers + 1, CheckpointId{});
  CHECK_FALSE(head.hear(beacon));
  LineSession tail(stage_of(2), Epoch{});
  DownBeacon down;
  down.from.position = 10;
  down.final_position = 9;
  CHECK_FALSE(tail.hear(down));
}

TEST_CASE("the least progress and every wish to stop travel up") {
  LineSession middle(stage_of(1), Epoch{});
  UpBeacon after = from_all(1);
  after.applied = 5;
  after.wants_stop = true;
  middle.hear(after);
  LineSession::Own mine{kOrigin, 9, false, false};
  CHECK(middle.up_beacon(mine).applied == 5);
  CHECK(middle.up_beacon(mine).wants_stop);
  CHECK(middle.up_beacon(mine).stages == 2);
}

}  // namespace brigade::swarm

// What a stage says of the slowest stage from it on, and what it believes.
#include "swarm/load_meter.hpp"
#include "tests/unit/swarm/solo.hpp"

namespace brigade::swarm::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr StageIndex kAfter{2};
constexpr Duration kOwnPace = milliseconds{7};

Load load_of(milliseconds pace) {
  return {kAfter, pace, seconds{1}, seconds{2}};
}

/// A micro-batch that takes kOwnPace here, its update included.
void compute(Solo& solo, std::uint64_t sequence) {
  solo.forward(sequence);
  solo.now += milliseconds{2};
  solo.forwarded(sequence);
  solo.receipt(solo.after, sequence, Direction::kForward, 1, Receipt::Kind::kReceived);
  solo.backward(sequence);
  solo.now += milliseconds{4};
  solo.backwarded(sequence);
}

void finish(Solo& solo, std::uint64_t sequence) {
  solo.now += milliseconds{1};
  solo.updated();
  solo.receipt(solo.before, sequence, Direction::kBackward, 1, Receipt::Kind::kApplied);
}

/// The load that goes on with the gradient of the next micro-batch.
Load told(Solo& solo, std::uint64_t sequence) {
  compute(solo, sequence);
  const auto* gradient = solo.sent<Backward>(solo.before);
  REQUIRE(gradient != nullptr);
  const Load load = gradient->load;
  finish(solo, sequence);
  return load;
}

/// Ready, and its own pace is known.
struct Known : Solo {
  std::uint64_t next = 0;

  Known() {
    make_ready();
    load_after = load_of(milliseconds{50});
    for (; next < LoadMeter::kBlock; ++next) {
      compute(*this, next);
      finish(*this, next);
    }
  }
};

}  // namespace

TEST_CASE("a middle stage passes on what the slower stage after it says") {
  Known solo;
  CHECK(told(solo, solo.next) == load_of(milliseconds{50}));
}

TEST_CASE("a middle stage that is slower says so, with its own counters") {
  Known solo;
  solo.load_after = load_of(milliseconds{3});
  const Load first = told(solo, solo.next);
  solo.now += seconds{1};
  const Load second = told(solo, solo.next + 1);
  CHECK(first.stage == StageIndex{1});
  CHECK(first.pace == kOwnPace);
  CHECK(second.computing - first.computing == kOwnPace);
  CHECK(second.elapsed - first.elapsed == kOwnPace + seconds{1});
}

TEST_CASE("while the pace of a stage after is unknown, so is the line's") {
  Solo solo;
  solo.make_ready();
  for (std::uint64_t i = 0; i <= LoadMeter::kBlock; ++i) {
    CHECK(told(solo, i).pace == Duration::zero());
  }
}

TEST_CASE("a load that can't be feeds its sender's score and changes nothing") {
  Known solo;
  for (const Load& lie : {Load{StageIndex{1}, milliseconds{90}, seconds{1}, seconds{2}},
                          Load{StageIndex{3}, milliseconds{90}, seconds{1}, seconds{2}},
                          Load{kAfter, milliseconds{90}, seconds{3}, seconds{2}},
                          Load{kAfter, milliseconds{-1}, seconds{1}, seconds{2}}}) {
    solo.load_after = lie;
    solo.forward(solo.next);
    solo.forwarded(solo.next);
    solo.backward(solo.next);
    CHECK(solo.find<Misbehaved>() != nullptr);
    solo.backwarded(solo.next);
    CHECK(solo.sent<Backward>(solo.before)->load == load_of(milliseconds{50}));
    finish(solo, solo.next++);
  }
}

TEST_CASE("what comes with a gradient of another epoch is not believed") {
  Known solo;
  Backward stray{Solo::id(solo.next, 7), Attempt{1}, {1.5, 1}, load_of(milliseconds{90}), {}};
  solo.handle(Received{solo.after, stray});
  solo.load_after = {};
  CHECK(told(solo, solo.next) == load_of(milliseconds{50}));
}

}  // namespace brigade::swarm::test

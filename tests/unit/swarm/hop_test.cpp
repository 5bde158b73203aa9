#include "swarm/hop.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TimePoint at(Duration since_start) {
  return TimePoint{} + since_start;
}

}  // namespace

TEST_CASE("the first wait is the deadline, later ones double up to the longest, with jitter") {
  Options options;
  options.receipt_deadline = seconds{1};
  options.longest_pause = seconds{10};
  Pauses pauses(options);
  CHECK(pauses.for_receipt(0) == seconds{1});
  for (std::uint8_t patience = 1; patience < 200; ++patience) {
    const Duration nominal = seconds{patience < 4 ? 1 << patience : 10};
    const Duration pause = pauses.for_receipt(patience);
    CHECK(pause >= nominal);
    CHECK(pause <= nominal + nominal / 4);
  }
}

TEST_CASE("two nodes with one seed do not pause in step") {
  Options a;
  Options b;
  b.stage = StageIndex{1};
  Pauses of_a(a);
  Pauses of_b(b);
  Pauses of_a_again(a);
  CHECK(of_a.for_receipt(5) != of_b.for_receipt(5));
  CHECK(of_a_again.for_receipt(5) == Pauses(a).for_receipt(5));
}

TEST_CASE("a deadline longer than the longest pause stays what it is") {
  Options options;
  options.gradient_deadline = seconds{100};
  options.longest_pause = seconds{60};
  CHECK(Pauses(options).for_gradient(3) >= seconds{100});
}

TEST_CASE("repeats are let through in a burst and then at a steady rate") {
  Throttle throttle(seconds{64});
  std::int64_t passed = 0;
  while (throttle.take(at(seconds{0})) == at(seconds{0})) ++passed;
  CHECK(passed == Throttle::kRepeatsADeadline);
  CHECK(throttle.take(at(seconds{0})) == at(seconds{1}));
  CHECK(throttle.take(at(seconds{1})) == at(seconds{1}));
  CHECK(throttle.take(at(seconds{1})) == at(seconds{2}));
  CHECK(throttle.take(at(seconds{1000})) == at(seconds{1000}));
}

TEST_CASE("slots wake in the order of their times, then of arming") {
  SlotTimers timers;
  timers.arm(2, at(milliseconds{20}));
  timers.arm(0, at(milliseconds{10}));
  timers.arm(1, at(milliseconds{20}));
  CHECK(timers.next() == at(milliseconds{10}));
  std::uint32_t slot = 9;
  CHECK_FALSE(timers.pop(at(milliseconds{9}), slot));
  std::vector<std::uint32_t> order;
  while (timers.pop(at(milliseconds{20}), slot)) order.push_back(slot);
  CHECK(order == std::vector<std::uint32_t>{0, 2, 1});
  CHECK(timers.next() == kNever);
}

TEST_CASE("a slot armed earlier wakes earlier, and once") {
  SlotTimers timers;
  timers.arm(0, at(milliseconds{30}));
  timers.arm(0, at(milliseconds{10}));
  timers.arm(0, at(milliseconds{20}));  // it wakes before that anyway
  std::uint32_t slot = 9;
  CHECK(timers.pop(at(milliseconds{10}), slot));
  CHECK(timers.next() == kNever);
  timers.arm(0, kNever);
  CHECK(timers.next() == kNever);
}

TEST_CASE("a receipt answers the newest attempt and the peer that it went to") {
  Hop hop;
  NodeId peer;
  peer.bytes[0] = 1;
  hop.to = peer;
  hop.attempt = Attempt{2};
  CHECK_FALSE(hop.is_answered_by(peer, Attempt{2}));  // nothing is on its way
  hop.state = Hop::State::kSent;
  CHECK(hop.is_answered_by(peer, Attempt{2}));
  CHECK_FALSE(hop.is_answered_by(peer, Attempt{1}));
  CHECK_FALSE(hop.is_answered_by(NodeId{}, Attempt{2}));
}

}  // namespace brigade::swarm

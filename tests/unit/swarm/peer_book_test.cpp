#include "swarm/peer_book.hpp"

#include <chrono>

#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kSelf = 1;

Options options() {
  Options options;
  options.instance = kSelf;
  options.beacon_interval = milliseconds{500};
  options.forget_after = seconds{100};
  return options;
}

struct Rig {
  TimePoint now{seconds{1000}};
  PeerBook book{options()};
  Holder peer{test::node_id(7), 70};

  Rig() {
    CHECK(book.on_up(now, peer, StageIndex{1}));
    says_every(milliseconds{500});
  }
  void says_every(Duration every) {
    NodeBeacon beacon;
    beacon.every = every;
    book.on_beacon(now, peer.node, beacon);
  }
  /// Time passes as it does for a core that is awake.
  void pass(Duration span, bool hears) {
    for (const TimePoint until = now + span; now < until; now += milliseconds{500}) {
      if (hears) book.on_heard(now, peer.node);
      book.on_time(now, now);
    }
  }
};

TEST_CASE("a peer that is silent for a few beacons is not live, and is again when it is heard") {
  Rig rig;
  CHECK(rig.book.is_live(rig.peer));
  rig.pass(seconds{3}, /*hears=*/false);
  CHECK_FALSE(rig.book.is_live(rig.peer));
  CHECK_FALSE(rig.book.is_gone(rig.peer));
  rig.book.on_heard(rig.now, rig.peer.node);
  CHECK(rig.book.is_live(rig.peer));
}

TEST_CASE("a slow machine's beacons are waited for as long as it said, within bounds") {
  Rig rig;
  rig.says_every(seconds{3});
  rig.pass(seconds{11}, /*hears=*/false);
  CHECK(rig.book.is_live(rig.peer));
  rig.pass(seconds{2}, /*hears=*/false);
  CHECK_FALSE(rig.book.is_live(rig.peer));
  rig.book.on_heard(rig.now, rig.peer.node);
  rig.says_every(seconds{1000});  // nobody is waited for that long
  rig.pass(seconds{21}, /*hears=*/false);
  CHECK_FALSE(rig.book.is_live(rig.peer));
}

TEST_CASE("that one is gone who was never met is no reason to tell anybody at once") {
  Rig rig;
  rig.book.take_change();
  NodeBeacon beacon;
  beacon.gone = {12345};
  rig.book.on_beacon(rig.now, rig.peer.node, beacon);
  CHECK(rig.book.is_gone({test::node_id(9), 12345}));
  CHECK_FALSE(rig.book.take_change());
  CHECK_FALSE(rig.book.take_loss());
  CHECK(rig.book.on_up(rig.now, {rig.peer.node, 71}, StageIndex{1}));  // it has started again
  CHECK(rig.book.take_change());
  CHECK(rig.book.take_loss());
}

TEST_CASE("who is heard is not gone because another says so") {
  Rig rig;
  const Holder liar{test::node_id(8), 80};
  CHECK(rig.book.on_up(rig.now, liar, StageIndex{1}));
  NodeBeacon beacon;
  beacon.gone = {rig.peer.instance};
  rig.book.on_beacon(rig.now, liar.node, beacon);
  CHECK_FALSE(rig.book.is_gone(rig.peer));
  rig.pass(seconds{3}, /*hears=*/false);
  rig.book.on_beacon(rig.now, liar.node, beacon);
  CHECK(rig.book.is_gone(rig.peer));
}

TEST_CASE("another instance of a node makes the earlier one gone for certain, and beacons say so") {
  Rig rig;
  const Holder other{rig.peer.node, 71};
  CHECK(rig.book.on_up(rig.now, other, StageIndex{1}));
  CHECK(rig.book.is_gone(rig.peer));
  CHECK_FALSE(rig.book.is_gone(other));
  CHECK(rig.book.is_live(other));
  NodeBeacon beacon;
  rig.book.fill(rig.now, *rig.book.find(other.node), beacon);
  CHECK(beacon.gone == std::vector<std::uint64_t>{70});
}

TEST_CASE(
    "goodbye is certain, and so is what a beacon passes on; nobody talks a node out of itself") {
  Rig rig;
  NodeBeacon beacon;
  beacon.gone = {99, kSelf};
  rig.book.on_beacon(rig.now, rig.peer.node, beacon);
  CHECK(rig.book.is_gone({test::node_id(9), 99}));
  CHECK_FALSE(rig.book.is_gone({test::node_id(1), kSelf}));
  beacon.is_leaving = true;
  rig.book.on_beacon(rig.now, rig.peer.node, beacon);
  CHECK(rig.book.is_gone(rig.peer));
}

TEST_CASE("who said goodbye is not live on a new link either") {
  Rig rig;
  NodeBeacon beacon;
  beacon.is_leaving = true;
  rig.book.on_beacon(rig.now, rig.peer.node, beacon);
  rig.book.on_down(rig.peer.node);
  CHECK(rig.book.on_up(rig.now, rig.peer, StageIndex{1}));
  CHECK_FALSE(rig.book.is_live(rig.peer));
  rig.book.on_heard(rig.now, rig.peer.node);
  CHECK_FALSE(rig.book.is_live(rig.peer));
  CHECK_FALSE(rig.book.hears(rig.peer.instance));
}

TEST_CASE("a node at another stage is found there, and nowhere else") {
  Rig rig;
  const Holder again{rig.peer.node, 71};
  CHECK(rig.book.linked_at(StageIndex{1}) == 1);
  CHECK(rig.book.on_up(rig.now, again, StageIndex{0}));
  CHECK(rig.book.linked_at(StageIndex{1}) == 0);
  CHECK(rig.book.linked_at(StageIndex{0}) == 1);
  CHECK(rig.book.hears(71));
  CHECK_FALSE(rig.book.hears(70));
}

TEST_CASE("the lease of a peer that said goodbye ends, even if it goes on talking") {
  Rig rig;
  NodeBeacon beacon;
  beacon.is_leaving = true;
  for (int i = 0; i < 100; ++i) {
    rig.pass(seconds{1}, /*hears=*/true);
    beacon.echo = rig.now.time_since_epoch();
    rig.book.on_beacon(rig.now, rig.peer.node, beacon);
  }
  CHECK(rig.book.is_lease_over(rig.now, rig.peer));
}

TEST_CASE("a lease runs from when the peer heard this node, and ends before the peer forgets") {
  Rig rig;
  NodeBeacon beacon;
  beacon.echo = (rig.now - seconds{30}).time_since_epoch();
  rig.pass(seconds{89}, /*hears=*/true);  // it is heard, but says that it hears nothing
  CHECK_FALSE(rig.book.is_lease_over(rig.now, rig.peer));
  rig.pass(seconds{1}, /*hears=*/true);
  CHECK(rig.book.is_lease_over(rig.now, rig.peer));
  CHECK_FALSE(rig.book.is_forgotten(rig.now, rig.peer));
  beacon.echo = (rig.now - seconds{1}).time_since_epoch();
  rig.book.on_beacon(rig.now, rig.peer.node, beacon);
  CHECK_FALSE(rig.book.is_lease_over(rig.now, rig.peer));
}

TEST_CASE("who is silent is forgotten in the end; who was away itself does not forget others") {
  Rig rig;
  rig.pass(seconds{99}, /*hears=*/false);
  CHECK_FALSE(rig.book.is_forgotten(rig.now, rig.peer));
  rig.pass(seconds{2}, /*hears=*/false);
  CHECK(rig.book.is_forgotten(rig.now, rig.peer));

  Rig away;
  const TimePoint expected = away.now;
  away.now += seconds{300};
  away.book.on_time(away.now, expected);
  CHECK_FALSE(away.book.is_forgotten(away.now, away.peer));
  CHECK(away.book.is_lease_over(away.now, away.peer));
}

}  // namespace
}  // namespace brigade::swarm

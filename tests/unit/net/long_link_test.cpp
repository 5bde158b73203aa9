// What a link does over a long way: the parts of a payload travel one behind the other, and nobody
// waits for an answer in between.
#include "daemon/send_queue.hpp"
#include "tests/catch.hpp"
#include "tests/unit/net/delay_proxy.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon::testing {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kRoundTrip{100};

/// a at stage 0 dials b at stage 1, 100 ms away.
struct LongPair {
  LongPair() {
    TransportOptions b_options = quick_options(second, 1);
    b_options.peers = {{first.id, "", StageIndex(0)}};
    b = std::make_unique<TestNode>(b_options);
    REQUIRE(b->start().has_value());
    way = std::make_unique<DelayProxy>(b->address(), kRoundTrip / 2);
    TransportOptions a_options = quick_options(first, 0);
    a_options.peers = {{second.id, way->address(), StageIndex(1)}};
    a = std::make_unique<TestNode>(a_options);
    REQUIRE(a->start().has_value());
    REQUIRE(a->wait_for_link());
    REQUIRE(b->wait_for_link());
  }

  Identity first = identity_or_die();
  Identity second = identity_or_die();
  std::unique_ptr<TestNode> b;
  std::unique_ptr<DelayProxy> way;
  std::unique_ptr<TestNode> a;
};

std::size_t count_of_payloads(const Journal& journal) {
  return static_cast<std::size_t>(std::ranges::count_if(
      journal.messages, [](const Heard& m) { return m.payload.has_value(); }));
}

TEST_CASE("thirty parts cross a link of 100 ms without waiting for each other") {
  LongPair pair;
  // The first payload of all: the connection's window has yet to grow.
  const PayloadData payload = make_payload(1, 2048, 1000, true);
  const auto parts = static_cast<int>(payload.bytes.size() / kPartBytes);
  REQUIRE(parts > 30);
  const auto begin = Clock::now();
  pair.a->send(pair.second.id, swarm::Forward{}, payload);
  REQUIRE(pair.b->wait([](const Journal& j) { return count_of_payloads(j) == 1; }));
  const auto took = Clock::now() - begin;
  CHECK(took >= kRoundTrip / 2);
  // A round trip a part would be three seconds. Machines under load take their time as well.
  CHECK(took < kRoundTrip * parts / 2);
}

TEST_CASE("both directions of a long link are under way at once") {
  LongPair pair;
  constexpr std::size_t kMessages = 20;
  const PayloadData payload = make_payload(1, 256, 250, true);  // a part each
  PayloadData gradient = make_payload(1, 256, 250, false);
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < kMessages; ++i) {
    pair.a->send(pair.second.id, swarm::Forward{}, payload);
    pair.b->send(pair.first.id, swarm::Backward{}, gradient);
  }
  REQUIRE(pair.a->wait([](const Journal& j) { return count_of_payloads(j) == kMessages; }));
  REQUIRE(pair.b->wait([](const Journal& j) { return count_of_payloads(j) == kMessages; }));
  CHECK(Clock::now() - begin < kRoundTrip * kMessages / 2);
}

}  // namespace
}  // namespace brigade::daemon::testing

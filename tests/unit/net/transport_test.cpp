#include "tests/catch.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon::testing {
namespace {

/// Two nodes, a at stage 0 dials b at stage 1.
struct Pair {
  Identity first = identity_or_die();
  Identity second = identity_or_die();
  TransportOptions a_options = quick_options(first, 0);
  TransportOptions b_options = quick_options(second, 1);
  std::unique_ptr<TestNode> a;
  std::unique_ptr<TestNode> b;

  void start() {
    b_options.peers = {{first.id, "", StageIndex(0)}};
    b = std::make_unique<TestNode>(b_options);
    REQUIRE(b->start().has_value());
    a_options.peers = {{second.id, b->address(), StageIndex(1)}};
    a = std::make_unique<TestNode>(a_options);
    REQUIRE(a->start().has_value());
  }
};

swarm::Forward forward(std::uint64_t sequence) {
  swarm::Forward message;
  message.id.sequence = Sequence(sequence);
  message.id.epoch = Epoch(1);
  return message;
}

TEST_CASE("two nodes link over mutual TLS and exchange messages both ways") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  REQUIRE(pair.b->wait_for_link());

  const PayloadData payload = make_payload(2, 16, 8, true);
  pair.a->send(pair.second.id, forward(3), payload);
  REQUIRE(pair.b->wait([](const Journal& j) { return j.messages.size() == 1; }));
  const Heard heard = pair.b->journal().messages.front();
  CHECK(heard.from == pair.first.id);
  CHECK(std::get<swarm::Forward>(heard.message).id.sequence == Sequence(3));
  REQUIRE(heard.payload.has_value());
  CHECK(heard.payload->shape == payload.shape);
  CHECK(heard.payload->checksum == payload.checksum);

  swarm::UpBeacon beacon;
  beacon.offers = {{Epoch(1), 40}, {Epoch(1), 20}};
  pair.b->send(pair.first.id, beacon);
  REQUIRE(pair.a->wait([](const Journal& j) { return j.messages.size() == 1; }));
  CHECK(std::get<swarm::UpBeacon>(pair.a->journal().messages.front().message).offers ==
        beacon.offers);
}

}  // namespace
}  // namespace brigade::daemon::testing

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

TEST_CASE("both ends of a link come to the same codec, fp32 where one of them is older") {
  Pair pair;
  pair.a_options.codec = pair.b_options.codec = Codec::kInt8;
  Codec expected = Codec::kInt8;
  SECTION("both decode what the swarm wishes for") {}
  SECTION("the one that dials does not") {
    pair.a_options.decodes = {Codec::kFp32};
    expected = Codec::kFp32;
  }
  SECTION("the one that is dialled does not") {
    pair.b_options.decodes = {Codec::kFp32, Codec::kBf16};
    expected = Codec::kFp32;
  }
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  REQUIRE(pair.b->wait_for_link());
  CHECK(pair.a->links().front().codec == expected);
  CHECK(pair.b->links().front().codec == expected);
}

TEST_CASE("a node that does not listen is a full peer of the node it dials") {
  Pair pair;
  pair.a_options.listen = "";
  pair.start();
  REQUIRE(pair.b->wait_for_link());
  pair.b->send(pair.first.id, forward(1), make_payload(1, 4, 4, true));
  REQUIRE(pair.a->wait([](const Journal& j) { return j.messages.size() == 1; }));
}

TEST_CASE("a stranger is refused in the TLS handshake, and both ends say so") {
  Pair pair;
  pair.b_options.peers = {{identity_or_die().id, "", StageIndex(0)}};
  pair.b = std::make_unique<TestNode>(pair.b_options);
  REQUIRE(pair.b->start().has_value());
  pair.a_options.peers = {{pair.second.id, pair.b->address(), StageIndex(1)}};
  pair.a = std::make_unique<TestNode>(pair.a_options);
  REQUIRE(pair.a->start().has_value());
  CHECK(pair.b->wait_for_warning("no [[peers]] entry has the id " + to_hex(pair.first.id)));
  CHECK(pair.a->wait_for_warning("is this node's id in its [[peers]]?"));
  CHECK(pair.a->journal().ups + pair.b->journal().ups == 0);
}

TEST_CASE("a node that proves another key than the pinned one is refused") {
  Pair pair;
  pair.b_options.peers = {{pair.first.id, "", StageIndex(0)}};
  pair.b = std::make_unique<TestNode>(pair.b_options);
  REQUIRE(pair.b->start().has_value());
  const NodeId expected = identity_or_die().id;
  pair.a_options.peers = {{expected, pair.b->address(), StageIndex(1)}};
  pair.a = std::make_unique<TestNode>(pair.a_options);
  REQUIRE(pair.a->start().has_value());
  CHECK(pair.a->wait_for_warning("it proved the id " + to_hex(pair.second.id) + ", expected " +
                                 to_hex(expected)));
  CHECK(pair.b->journal().ups == 0);
}

TEST_CASE("nodes of two swarms refuse each other with the same words") {
  Pair pair;
  pair.a_options.swarm.fill(1);
  pair.start();
  const std::string words = "belongs to swarm 01010101";
  CHECK(pair.b->wait_for_warning(words));
  CHECK(pair.a->wait_for_warning(words));
  CHECK(pair.a->journal().ups + pair.b->journal().ups == 0);
}

TEST_CASE("a node at another stage than its peer expects is refused") {
  Pair pair;
  pair.a_options.stage = StageIndex(5);
  pair.start();
  CHECK(pair.b->wait_for_warning("hosts stage 5"));
  CHECK(pair.a->wait_for_warning("hosts stage 5"));
}

TEST_CASE("a refusal that repeats is told once") {
  Pair pair;
  pair.a_options.swarm.fill(1);
  pair.start();
  const auto dials_of = [](const Journal& j) { return j.warnings.size(); };
  REQUIRE(pair.b->wait([&](const Journal& j) { return dials_of(j) >= 3; }));
  CHECK(pair.a->journal().warnings.size() == 1);
}

TEST_CASE("a peer that is not there is dialled until it is") {
  Pair pair;
  // A port that was free a moment ago, and that nobody else is given in between.
  pair.b_options.peers = {{pair.first.id, "", StageIndex(0)}};
  pair.b = std::make_unique<TestNode>(pair.b_options);
  REQUIRE(pair.b->start().has_value());
  pair.b_options.listen = pair.b->address();
  pair.b = nullptr;
  pair.a_options.peers = {{pair.second.id, pair.b_options.listen, StageIndex(1)}};
  pair.a = std::make_unique<TestNode>(pair.a_options);
  REQUIRE(pair.a->start().has_value());
  CHECK(pair.a->wait_for_warning("Connection refused"));
  pair.b = std::make_unique<TestNode>(pair.b_options);
  REQUIRE(pair.b->start().has_value());
  CHECK(pair.a->wait_for_link());
}

TEST_CASE("a peer that restarts is linked again") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  pair.b_options.listen = pair.b->address();
  pair.b = nullptr;
  REQUIRE(pair.a->wait([](const Journal& j) { return j.downs.size() == 1; }));
  CHECK(pair.a->journal().downs.front() == "the peer closed: this node stops");
  pair.b = std::make_unique<TestNode>(pair.b_options);
  REQUIRE(pair.b->start().has_value());
  REQUIRE(pair.a->wait_for_link(2));
  REQUIRE(pair.b->wait_for_link());
  pair.b->send(pair.first.id, forward(1), make_payload(1, 4, 4, true));
  CHECK(pair.a->wait([](const Journal& j) { return j.messages.size() == 1; }));
}

TEST_CASE("when both nodes dial, one link stays and carries messages both ways") {
  for (int round = 0; round < 5; ++round) {
    Pair pair;
    // Both addresses must be known before either starts: take them from nodes that are gone.
    for (TransportOptions* options : {&pair.a_options, &pair.b_options}) {
      TestNode probe(*options);
      REQUIRE(probe.start().has_value());
      options->listen = probe.address();
    }
    pair.a_options.peers = {{pair.second.id, pair.b_options.listen, StageIndex(1)}};
    pair.b_options.peers = {{pair.first.id, pair.a_options.listen, StageIndex(0)}};
    pair.a = std::make_unique<TestNode>(pair.a_options);
    pair.b = std::make_unique<TestNode>(pair.b_options);
    REQUIRE(pair.a->start().has_value());
    REQUIRE(pair.b->start().has_value());
    // A message may be lost with the link that gave way, so both repeat, as the core does.
    const auto has_message = [](const Journal& j) { return !j.messages.empty(); };
    const std::chrono::milliseconds patience{50};
    bool is_heard = false;
    for (std::uint64_t i = 0; i < 400 && !is_heard; ++i) {
      pair.a->send(pair.second.id, forward(i), make_payload(1, 4, 4, true));
      pair.b->send(pair.first.id, forward(i), make_payload(1, 4, 4, true));
      is_heard = pair.a->wait(has_message, patience) && pair.b->wait(has_message, patience);
    }
    CHECK(is_heard);
    for (TestNode* node : {pair.a.get(), pair.b.get()}) {
      CHECK(node->wait(
          [](const Journal& j) { return j.ups - static_cast<int>(j.downs.size()) == 1; }));
      CHECK(node->journal().ups <= 2);
    }
  }
}

TEST_CASE("gradients overtake activations that wait") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  const PayloadData input = make_payload(4, 128, 512, true);
  const PayloadData gradient = make_payload(4, 128, 512, false);
  constexpr std::uint64_t kInputs = 100;
  for (std::uint64_t i = 0; i < kInputs; ++i) pair.a->send(pair.second.id, forward(i), input);
  swarm::Backward backward;
  backward.id.epoch = Epoch(1);
  pair.a->send(pair.second.id, backward, gradient);
  REQUIRE(pair.b->wait([](const Journal& j) { return j.messages.size() == kInputs + 1; }));
  std::size_t place = 0;
  std::uint64_t next = 0;
  const Journal journal = pair.b->journal();
  for (std::size_t i = 0; i < journal.messages.size(); ++i) {
    if (const auto* f = std::get_if<swarm::Forward>(&journal.messages[i].message)) {
      CHECK(f->id.sequence == Sequence(next++));  // activations keep their order
    } else {
      place = i;
    }
  }
  CHECK(place < kInputs);
}

TEST_CASE("a payload of 100 MB arrives whole") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  const PayloadData payload = make_payload(8, 1024, 3052, true);
  REQUIRE(payload.bytes.size() >= 100'000'000);
  pair.a->send(pair.second.id, forward(1), payload);
  REQUIRE(pair.b->wait([](const Journal& j) { return j.messages.size() == 1; }));
  const Heard heard = pair.b->journal().messages.front();
  CHECK(payload_checksum(heard.payload->tensor()) == payload_checksum(payload.tensor()));
}

TEST_CASE("round trips are measured and bytes counted") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  REQUIRE(pair.b->wait_for_link());
  pair.a->send(pair.second.id, forward(1), make_payload(4, 64, 64, true));
  REQUIRE(pair.b->wait([](const Journal& j) { return j.messages.size() == 1; }));
  REQUIRE(pair.a->wait([&](const Journal&) { return pair.a->counters().frames_received >= 3; }));
  const LinkInfo info = pair.a->links().front();
  CHECK(info.is_linked);
  CHECK(info.round_trip_ms > 0);
  CHECK(info.last_error.empty());
  CHECK(pair.b->counters().bytes_received > 4 * 64 * 64 * 4);
  CHECK(pair.b->counters().frames_refused == 0);
  // The one link has carried all that its two ends counted.
  CHECK(pair.a->links().front().bytes_sent > 4 * 64 * 64 * 4);
  CHECK(pair.b->links().front().bytes_received > 4 * 64 * 64 * 4);
  CHECK(info.linked_for > Duration{});
}

TEST_CASE("an address in use is an error that names it") {
  Pair pair;
  pair.start();
  TransportOptions options = quick_options(identity_or_die(), 2);
  options.listen = pair.b->address();
  TestNode third(options);
  const Result<> started = third.start();
  REQUIRE(started.has_error());
  CHECK(started.error().code == ErrorCode::kIo);
  CHECK(started.error().message.find(options.listen) != std::string::npos);
  CHECK(started.error().message.find("in use") != std::string::npos);
}

TEST_CASE("stopping is quick and nothing is heard afterwards") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  for (std::uint64_t i = 0; i < 50; ++i) {
    pair.a->send(pair.second.id, forward(i), make_payload(4, 128, 128, true));
  }
  const auto begin = std::chrono::steady_clock::now();
  pair.b->stop();
  const std::size_t heard = pair.b->journal().messages.size();
  pair.a->stop();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(4));
  CHECK(pair.b->journal().messages.size() == heard);
}

TEST_CASE("what was sent before a stop arrives") {
  Pair pair;
  pair.start();
  REQUIRE(pair.a->wait_for_link());
  for (std::uint64_t i = 0; i < 20; ++i) {
    pair.a->send(pair.second.id, forward(i), make_payload(4, 64, 64, true));
  }
  pair.a->stop();
  CHECK(pair.b->wait([](const Journal& j) { return j.downs.size() == 1; }));
  CHECK(pair.b->journal().downs.front() == "the peer closed: this node stops");
  CHECK(pair.b->journal().messages.size() == 20);
}

}  // namespace
}  // namespace brigade::daemon::testing

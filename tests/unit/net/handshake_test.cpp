#include "daemon/handshake.hpp"

#include "daemon/address.hpp"
#include "daemon/warning_budget.hpp"
#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}

Introduction introduction(std::uint8_t number, std::uint32_t stage) {
  Hello hello;
  hello.swarm.fill(5);
  hello.stage = StageIndex(stage);
  return {node(number), hello};
}

TEST_CASE("a hello of the same version, swarm and stage is accepted") {
  CHECK(check_hello(introduction(1, 0), introduction(2, 1), StageIndex(1)).has_value());
}

TEST_CASE("a refusal names both nodes and what differs") {
  const Introduction own = introduction(0x11, 0);
  Introduction peer = introduction(0x22, 1);
  peer.hello.protocol = 9;
  std::string text = check_hello(own, peer, StageIndex(1)).error().message;
  CHECK(text.find("node 22000000 speaks protocol version 9, node 11000000 speaks 1") == 0);

  peer = introduction(0x22, 1);
  peer.hello.swarm.fill(6);
  text = check_hello(own, peer, StageIndex(1)).error().message;
  CHECK(text.find("belongs to swarm 06060606") != std::string::npos);

  text = check_hello(own, introduction(0x22, 3), StageIndex(1)).error().message;
  CHECK(text.find("hosts stage 3") != std::string::npos);
}

TEST_CASE("tensors travel in the codec wished for if both ends decode it, else in fp32") {
  const Hello full = introduction(1, 0).hello;
  Hello older = introduction(2, 1).hello;
  older.codecs = {Codec::kFp32, Codec::kBf16};
  for (const Codec wished : stage::kCodecs) CHECK(agree_on_codec(wished, full, full) == wished);
  CHECK(agree_on_codec(Codec::kBf16, full, older) == Codec::kBf16);
  CHECK(agree_on_codec(Codec::kInt8, full, older) == Codec::kFp32);
  CHECK(agree_on_codec(Codec::kInt8, older, full) == Codec::kFp32);
}

TEST_CASE("of two links dialled at once both nodes keep the one dialled by the smaller id") {
  const LinkClaim small{node(1), milliseconds(5)};
  const LinkClaim large{node(2), milliseconds(5)};
  CHECK(does_replace({node(1), {}}, large, seconds(10)));
  CHECK_FALSE(does_replace({node(2), {}}, small, seconds(10)));
}

TEST_CASE("a node that dials again has lost its link: the fresh one stays") {
  CHECK(does_replace({node(2), {}}, {node(2), milliseconds(1)}, seconds(10)));
  CHECK(does_replace({node(2), {}}, {node(1), seconds(11)}, seconds(10)));
}

TEST_CASE("pauses between dials double up to a bound, with jitter, and start afresh") {
  Redial redial({milliseconds(100), seconds(2)}, 7);
  milliseconds whole{100};
  for (int i = 0; i < 40; ++i) {
    const auto pause = redial.next_pause();
    CHECK(pause >= whole / 2);
    CHECK(pause <= whole);
    whole = std::min<milliseconds>(whole * 2, seconds(2));
  }
  redial.reset();
  CHECK(redial.next_pause() <= milliseconds(100));
  CHECK(Redial({milliseconds(100), seconds(2)}, 1).next_pause() !=
        Redial({milliseconds(100), seconds(2)}, 2).next_pause());
}

TEST_CASE("warnings come in a burst, then one in a pause, and say how many were left out") {
  WarningBudget::Clock::time_point now{};
  WarningBudget budget(now);
  for (int i = 0; i < WarningBudget::kBurst; ++i) CHECK(budget.admit("w", now) == "w");
  for (int i = 0; i < 3; ++i) CHECK_FALSE(budget.admit("w", now).has_value());
  now += WarningBudget::kPause;
  CHECK(budget.admit("w", now) == "w (3 more before it)");
  CHECK_FALSE(budget.admit("w", now).has_value());
  now += 1000 * WarningBudget::kPause;
  for (int i = 0; i < WarningBudget::kBurst; ++i) CHECK(budget.admit("w", now).has_value());
  CHECK_FALSE(budget.admit("w", now).has_value());
}

TEST_CASE("addresses split into host and port, and join again") {
  for (const std::string text : {"10.0.0.1:7070", "[::1]:7070", "node.example:0"}) {
    const Result<HostPort> parts = split_address(text);
    REQUIRE(parts.has_value());
    CHECK(join_address(parts->host, parts->port) == text);
  }
  for (const std::string text : {"", ":7070", "host", "host:", "host:70707", "host:7x", "::1:7070",
                                 "host:-1", "[::1]", "a]:1"}) {
    CAPTURE(text);
    CHECK(split_address(text).has_error());
  }
}

}  // namespace
}  // namespace brigade::daemon

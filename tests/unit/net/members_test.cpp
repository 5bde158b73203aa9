// Links between members: let in by their record, dialled when asked, and through a relay.
#include "daemon/grpc_ask.hpp"
#include "tests/catch.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon::testing {
namespace {

constexpr std::chrono::milliseconds kAskLimit{5000};

struct Member {
  Identity identity = identity_or_die();
  std::unique_ptr<TestNode> node;

  void start(std::uint32_t stage, const std::string& record, const MemberRules& rules) {
    MemberRules own = rules;
    own.record = record;
    node = std::make_unique<TestNode>(quick_options(identity, stage), own);
    REQUIRE(node->start().has_value());
  }
  void dial(const Member& other) {
    node->on_strand([&] { node->transport().dial(other.identity.id, other.node->address()); });
  }
  void dial_through(const Member& other, const Member& relay) {
    node->on_strand([&] {
      node->transport().dial_through(other.identity.id, {relay.identity.id, relay.node->address()});
    });
  }
};

Result<> welcome_all(const NodeId&, const std::string&) {
  return {};
}
Result<> welcome_good(const NodeId&, const std::string& record) {
  if (record == "good") return {};
  return make_error(ErrorCode::kBadInput, "its record is not good");
}
Result<> relay_all(const NodeId&, const NodeId&) {
  return {};
}
Result<> relay_none(const NodeId&, const NodeId&) {
  return make_error(ErrorCode::kBadInput, "not for you");
}

bool failed_with(TestNode& node, const std::string& part) {
  return node.wait([&](const Journal& journal) {
    return !journal.failed_dials.empty() &&
           journal.failed_dials.back().find(part) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("members that nobody named are linked when one dials, and gossip") {
  Member a;
  Member b;
  a.start(0, "good", {welcome_good, relay_all, {}});
  b.start(1, "good", {welcome_good, relay_all, {}});
  a.dial(b);
  REQUIRE(a.node->wait_for_link());
  REQUIRE(b.node->wait_for_link());
  a.node->on_strand([&] { a.node->transport().send_gossip(b.identity.id, "news"); });
  CHECK(
      b.node->wait([](const Journal& j) { return j.gossip == std::vector<std::string>{"news"}; }));
  CHECK(b.node->links().front().peer.stage == StageIndex(0));

  a.node->on_strand([&] { a.node->transport().drop(b.identity.id, "enough links"); });
  REQUIRE(b.node->wait([](const Journal& j) { return !j.downs.empty(); }));
  CHECK(b.node->journal().downs.front().find("enough links") != std::string::npos);
}

TEST_CASE("who shows no good record is turned away, and both ends hear why") {
  Member a;
  Member b;
  a.start(0, "bad", {welcome_all, relay_all, {}});
  b.start(1, "good", {welcome_good, relay_all, {}});
  a.dial(b);
  CHECK(b.node->wait_for_warning("its record is not good"));
  CHECK(failed_with(*a.node, "its record is not good"));
  CHECK(b.node->journal().ups == 0);
}

TEST_CASE("a dial of nobody fails once and is not repeated") {
  Member a;
  Member b;
  a.start(0, "good", {welcome_all, relay_all, {}});
  b.start(1, "good", {welcome_all, relay_all, {}});
  const std::string address = b.node->address();
  b.node->stop();
  a.node->on_strand([&] { a.node->transport().dial(b.identity.id, address); });
  CHECK(failed_with(*a.node, "cannot reach"));
  CHECK(a.node->wait([](const Journal& j) { return j.failed_dials.size() == 1; }));
}

TEST_CASE("a question is answered, refused, or left without an answer") {
  Member a;
  a.start(0, "good", {welcome_all, relay_all, {}});
  const Identity asker = identity_or_die();
  const auto asked = [&](const std::string& what) {
    return ask(a.node->address(), asker, a.identity.id, Asks::kEnter, what, kAskLimit);
  };
  CHECK(asked("politely").value() == "127.0.0.1 asks politely");
  const auto refused = asked("refuse");
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == ErrorCode::kBadInput);
  CHECK(refused.error().message == "not you");
  CHECK(asked("say nothing").error().code == ErrorCode::kUnavailable);
  CHECK(ask(a.node->address(), asker, asker.id, Asks::kEnter, "you", kAskLimit)
            .error()
            .message.find("another node answers") != std::string::npos);
  CHECK(can_be_reached(a.node->address(), asker, a.identity.id, kAskLimit));
  CHECK(!can_be_reached(a.node->address(), asker, asker.id, std::chrono::milliseconds{500}));
}

TEST_CASE("a node stops at once though somebody waits for its answer") {
  Member a;
  a.start(0, "good", {welcome_all, relay_all, {}});
  const Identity asker = identity_or_die();
  auto waiting = std::async(std::launch::async, [&] {
    return ask(a.node->address(), asker, a.identity.id, Asks::kEnter, "keep me waiting", kDeadline);
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds{500}) == std::future_status::timeout);
  a.node->stop();
  CHECK(waiting.get().error().code == ErrorCode::kUnavailable);
}

TEST_CASE("two that can't dial each other are linked through a third, which reads nothing") {
  Member relay;
  Member a;
  Member b;
  relay.start(2, "good", {welcome_all, relay_all, {}});
  a.start(0, "good", {welcome_all, relay_all, {}});
  b.start(1, "good", {welcome_all, relay_all, {}});
  b.dial(relay);
  REQUIRE(b.node->wait_for_link());
  a.dial_through(b, relay);
  REQUIRE(a.node->wait_for_link());
  REQUIRE(b.node->wait_for_link(2));
  CHECK(b.node->journal().calls == std::vector{std::pair(a.identity.id, relay.identity.id)});

  const PayloadData payload = make_payload(8, 64, 256, true);  // more than one piece
  swarm::Forward message;
  message.id.epoch = Epoch(1);
  a.node->send(b.identity.id, message, payload);
  REQUIRE(b.node->wait([](const Journal& j) { return j.messages.size() == 1; }));
  CHECK(b.node->journal().messages.front().payload->checksum == payload.checksum);
  CHECK(relay.node->counters().bytes_relayed > payload.bytes.size());

  relay.node->stop();
  CHECK(a.node->wait([](const Journal& j) { return j.downs.size() == 1; }));
  CHECK(b.node->wait([](const Journal& j) { return j.downs.size() == 2; }));
}

TEST_CASE("a relay passes nobody on to a node that it does not know, or whom it may not") {
  Member open;
  Member shut;
  Member a;
  Member b;
  open.start(2, "good", {welcome_all, relay_all, {}});
  shut.start(2, "good", {welcome_all, relay_none, {}});
  a.start(0, "good", {welcome_all, relay_all, {}});
  b.start(1, "good", {welcome_all, relay_all, {}});
  a.dial_through(b, open);  // no link to b there
  CHECK(a.node->wait([](const Journal& j) { return j.failed_dials.size() == 1; }));
  b.dial(shut);
  REQUIRE(b.node->wait_for_link());
  a.dial_through(b, shut);
  CHECK(a.node->wait([](const Journal& j) { return j.failed_dials.size() == 2; }));
  CHECK(a.node->journal().ups == 0);
}

}  // namespace brigade::daemon::testing

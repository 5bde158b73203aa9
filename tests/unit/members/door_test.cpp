#include "daemon/members/door.hpp"

#include "tests/catch.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::seconds;

struct Knocks {
  OwnedSwarm swarm;
  Notary notary = swarm.notary();
  Door door{"the description", notary};
  std::string invite = swarm.invite();
  TimePoint now{seconds{1000}};

  Result<Entered> knock(const NodeId& asker, std::vector<std::uint32_t> replicas,
                        std::uint64_t unix_s = kNow) {
    return knock_at(door, asker, std::move(replicas), unix_s);
  }
  Result<Entered> knock_at(Door& at, const NodeId& asker, std::vector<std::uint32_t> replicas,
                           std::uint64_t unix_s = kNow) {
    auto answer = at.enter(now, unix_s, {asker, {}, Asks::kEnter, enter_question(invite), {}}, [&] {
      return Door::Inside{{"a record"}, std::move(replicas)};
    });
    if (answer.has_error()) return answer.error();
    return read_entered(*answer);
  }
};

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

TEST_CASE("strangers become heads where the description names data that can be copied") {
  Knocks test;
  CHECK(test.knock(node(1), {1, 1, 2}).value().stage == 1);
  Door giving("the description", test.notary, /*gives_data=*/true);
  CHECK(test.knock_at(giving, node(2), {1, 1, 2}).value().stage == 0);
}

TEST_CASE("who shows an invite gets the description, members and the stage with the fewest") {
  Knocks test;
  const auto entered = test.knock(node(1), {2, 0, 1}).value();
  CHECK(entered.description == "the description");
  CHECK(entered.records == std::vector<std::string>{"a record"});
  CHECK(entered.stage == 1);
}

TEST_CASE("two who come at once are not sent to one gap, and one who asks twice keeps its answer") {
  Knocks test;
  CHECK(test.knock(node(1), {1, 0, 0}).value().stage == 1);
  CHECK(test.knock(node(2), {1, 0, 0}).value().stage == 2);
  CHECK(test.knock(node(1), {1, 0, 0}).value().stage == 1);
  test.now += Door::kReserved;
  CHECK(test.knock(node(3), {1, 0, 1}).value().stage == 1);
}

TEST_CASE("without a sound invite the door stays shut") {
  Knocks test;
  test.invite = OwnedSwarm().invite();
  CHECK(test.knock(node(1), {0, 0, 0}).has_error());
  test.invite = "nothing";
  CHECK(test.knock(node(1), {0, 0, 0}).has_error());
  test.invite = test.swarm.invite(0, kNow + 1);
  CHECK(test.knock(node(1), {0, 0, 0}, kNow + 1).has_error());
}

TEST_CASE("who is revoked is shown the revocation at the door, and nothing else") {
  Knocks test;
  const std::string of_node = test.swarm.revocation(node(1));
  REQUIRE(test.notary.revoke(of_node).value());
  const auto shown = test.knock(node(1), {0, 0, 0}).value();
  CHECK(shown.revocation == of_node);
  CHECK(shown.description.empty());
  CHECK(shown.records.empty());
  CHECK(test.knock(node(2), {0, 0, 0}).value().revocation.empty());
  const std::string of_invite =
      test.swarm.revocation(trust::read_invite_statement(test.invite).value().id);
  REQUIRE(test.notary.revoke(of_invite).value());
  CHECK(test.knock(node(2), {0, 0, 0}).value().revocation == of_invite);
}

TEST_CASE("questions and answers of reach come as they went") {
  CHECK(read_reach_question(reach_question(7070)).value() == 7070);
  CHECK(read_reach_question(reach_question(0)).has_error());
  const auto reached = read_reached(reach_answer({"[2001:db8::1]:7070", true})).value();
  CHECK(reached.address == "[2001:db8::1]:7070");
  CHECK(reached.can_be_dialled);
  CHECK(read_reached("").has_error());
}

}  // namespace
}  // namespace brigade::daemon

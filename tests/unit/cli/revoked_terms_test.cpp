#include "cli/revoked_terms.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

const std::string kFirst = std::string(8, 'a') + std::string(56, '1');
const std::string kSecond = std::string(8, 'a') + std::string(56, '2');

control::v1::NodeStatus knows(const std::vector<std::string>& nodes) {
  control::v1::NodeStatus status;
  for (const std::string& node : nodes) status.add_members()->set_node(node);
  return status;
}

NodeId id(const std::string& hex) {
  NodeId node;
  REQUIRE(from_hex(hex, node));
  return node;
}

struct Owner {
  trust::SigningKey key = trust::SigningKey::make().value();
  trust::SwarmOrigin origin = trust::make_origin(key.public_key()).value();
};

std::string why(const Result<trust::Revoked>& read) {
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::kBadInput);
  return read.error().message;
}

}  // namespace

TEST_CASE("a node is named by its whole id, or by as much as tells it from the other members") {
  const Owner owner;
  const auto read = [&](const std::string& text, const std::vector<std::string>& known) {
    return to_revoked(text, owner.origin, knows(known));
  };
  CHECK(read(kFirst, {}).value() == trust::Revoked(id(kFirst)));
  CHECK(read(kFirst.substr(0, 8), {kFirst}).value() == trust::Revoked(id(kFirst)));
  CHECK(read(kFirst.substr(0, 9), {kFirst, kSecond}).value() == trust::Revoked(id(kFirst)));
  CHECK(why(read(kFirst.substr(0, 8), {kFirst, kSecond})).find("several members") !=
        std::string::npos);
  CHECK(why(read(kFirst.substr(0, 8), {})).find("knows such a member") != std::string::npos);
  for (const std::string& text : {kFirst.substr(0, 7), kFirst + "1", std::string("node"),
                                  std::string("AAAAAAAA"), std::string()})
    CHECK(why(read(text, {kFirst})).find("must be a node's id") != std::string::npos);
}

TEST_CASE("an invite is named by its line, and must be to this swarm") {
  const Owner owner;
  trust::Invite invite;
  invite.origin = owner.origin;
  invite.id = trust::make_invite_id().value();
  invite.swarm_name = "tiny";
  const std::string line = trust::sign_invite(owner.key, invite).value();
  CHECK(to_revoked(line, owner.origin, {}).value() == trust::Revoked(invite.id));
  CHECK(why(to_revoked(line, Owner().origin, {})).find("another swarm, tiny") != std::string::npos);
  CHECK(why(to_revoked(line.substr(0, 60), owner.origin, {})).find("cut") != std::string::npos);
}

TEST_CASE("a revocation is shown with its time and its reason") {
  const Owner owner;
  const trust::Revocation revocation{owner.origin, id(kFirst), 1'800'000'000, "why"};
  CHECK(describe_revoked(revocation) == "node " + kFirst + ", 2027-01-15 08:00 UTC: why");
  CHECK(to_json(revocation).dump() ==
        R"({"node":")" + kFirst + R"(","revoked_unix_s":1800000000,"reason":"why"})");
  CHECK(describe_revoked({owner.origin, trust::InviteId{}, 0, ""}) ==
        "invite 00000000000000000000000000000000, 1970-01-01 00:00 UTC");
}

}  // namespace brigade::cli

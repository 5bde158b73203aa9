#include "cli/invite_terms.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"

namespace brigade::cli {
namespace {

const std::string kNode(64, 'a');

trust::Invite some_invite() {
  trust::Invite invite;
  invite.swarm_name = "tiny-stories";
  invite.created_unix_s = 1'800'000'000;
  invite.expires_unix_s = 1'800'086'400;
  invite.uses = 5;
  invite.contacts = {*to_contact(kNode + "@[::1]:7070")};
  return invite;
}

}  // namespace

TEST_CASE("a lifetime is a number and a unit") {
  CHECK(to_lifetime_s("1m") == 60);
  CHECK(to_lifetime_s("90m") == 5'400);
  CHECK(to_lifetime_s("12h") == 43'200);
  CHECK(to_lifetime_s("30d") == 2'592'000);
  CHECK(to_lifetime_s("4w") == 2'419'200);
  CHECK(to_lifetime_s("never") == 0);
  CHECK(to_lifetime_s("36525d") == 3'155'760'000);
  for (const char* text : {"", "d", "30", "30 d", "30D", "-1d", "+1d", "1.5d", "0d", "36526d", "1y",
                           "99999999999999999999d", "18446744073709551615m", "d30", "30dd"}) {
    CAPTURE(text);
    CHECK_FALSE(to_lifetime_s(text).has_value());
  }
}

TEST_CASE("uses are a number within its bound, or any") {
  CHECK(to_uses("1") == 1);
  CHECK(to_uses("1000000") == limits::kMaxInviteUses);
  CHECK(to_uses("any") == 0);
  for (const char* text : {"", "0", "-1", "1000001", "4294967297", "many", "5x", " 5"}) {
    CAPTURE(text);
    CHECK_FALSE(to_uses(text).has_value());
  }
}

TEST_CASE("a contact is a node and where it can be dialled") {
  const auto contact = to_contact(kNode + "@host.example:7070");
  REQUIRE(contact.has_value());
  CHECK(to_hex(contact->node) == kNode);
  CHECK(contact->address == "host.example:7070");
  CHECK(to_contact(kNode + "@[2001:db8::1]:65535").has_value());
  for (const std::string& text :
       {std::string(), kNode, std::string("@host:7070"), kNode + "@", kNode + "@host",
        kNode + "@:7070", kNode + "@host:", kNode + "@host:0", kNode + "@host:70000",
        kNode.substr(1) + "@host:7070", kNode + "a@host:7070", kNode + "@2001:db8::1:7070",
        kNode + "@a b:7070", kNode + "@" + std::string(300, 'h') + ":7070"}) {
    CAPTURE(text);
    CHECK_FALSE(to_contact(text).has_value());
  }
}

TEST_CASE("people read who may join, and until when") {
  trust::Invite invite = some_invite();
  const std::uint64_t now = invite.created_unix_s;
  CHECK(describe_terms(invite, now) == "5 nodes may join with it, until 2027-01-16 08:00 UTC");
  CHECK(describe_terms(invite, invite.expires_unix_s) == "expired, 2027-01-16 08:00 UTC");
  invite.uses = 1;
  invite.expires_unix_s = 0;
  CHECK(describe_terms(invite, now) == "1 node may join with it, for ever");
  invite.uses = 0;
  CHECK(describe_terms(invite, now) == "any number of nodes may join with it, for ever");
}

TEST_CASE("an invite is shown with its swarm, its terms and its contacts") {
  const auto lines = describe_invite(some_invite(), 1'800'000'000);
  REQUIRE(lines.size() == 5);
  CHECK(lines[1] == "swarm    tiny-stories");
  CHECK(lines[4] == "contact  " + kNode + "@[::1]:7070");
}

TEST_CASE("in JSON, what has no end and no bound is null") {
  trust::Invite invite = some_invite();
  Json json = to_json(invite, 1'800'000'000);
  CHECK(json["uses"] == 5);
  CHECK(json["expires_unix_s"] == 1'800'086'400);
  CHECK(json["is_expired"] == false);
  CHECK(json["contacts"][0]["node"] == kNode);
  CHECK(json["contacts"][0]["address"] == "[::1]:7070");
  CHECK(to_json(invite, 1'900'000'000)["is_expired"] == true);
  invite.uses = 0;
  invite.expires_unix_s = 0;
  invite.contacts.clear();
  json = to_json(invite, 1'900'000'000);
  CHECK(json["uses"].is_null());
  CHECK(json["expires_unix_s"].is_null());
  CHECK(json["is_expired"] == false);
  CHECK(json["contacts"].empty());
}

}  // namespace brigade::cli

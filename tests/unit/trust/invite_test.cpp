#include "trust/invite.hpp"

#include <string>

#include "tests/catch.hpp"

namespace brigade::trust {
namespace {

struct Owner {
  SigningKey key = SigningKey::make().value();
  SwarmOrigin origin = make_origin(key.public_key()).value();

  Invite invite() const {
    Invite result;
    result.origin = origin;
    result.id = make_invite_id().value();
    result.swarm_name = "tiny-stories";
    result.created_unix_s = 1'800'000'000;
    result.expires_unix_s = 1'800'086'400;
    result.uses = 5;
    result.contacts = {{node_id_of(SigningKey::make().value().public_key()), "203.0.113.7:7070"},
                       {node_id_of(SigningKey::make().value().public_key()), "[2001:db8::1]:7070"}};
    return result;
  }
};

std::string why_refused(const std::string& text) {
  const auto read = read_invite(text);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::kBadInput);
  return read.error().message;
}

}  // namespace

TEST_CASE("an invite is one line that says what was put into it") {
  const Owner owner;
  const Invite invite = owner.invite();
  const std::string line = sign_invite(owner.key, invite).value();
  CHECK(line.starts_with("brigade1-"));
  CHECK(line.find_first_of(" \n=+/") == std::string::npos);
  CHECK(line.size() < 500);
  CHECK(read_invite(line).value() == invite);
  CHECK(read_invite("  " + line.substr(0, 70) + "\n> ").has_error());
  CHECK(read_invite("  " + line.substr(0, 70) + " \r\n\t" + line.substr(70) + "\n").value() ==
        invite);
}

TEST_CASE("what is no invite is refused with what to do") {
  const Owner owner;
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  CHECK(why_refused("") == "this is no invite: one starts with \"brigade1-\"");
  CHECK(why_refused("hello") == "this is no invite: one starts with \"brigade1-\"");
  CHECK(why_refused("brigade2-" + line.substr(9)) ==
        "this invite is of another version of Brigade: update this one");
  CHECK(why_refused("brigade1-*") == "this invite is damaged: copy the whole line again");
  CHECK(why_refused("brigade1-AAAA") == "this invite is damaged: copy the whole line again");
  CHECK(why_refused(line + std::string(Invite::kMaxTextBytes, 'A')) ==
        "it is too long for an invite");
}

TEST_CASE("a line with any character changed, lost or doubled is refused") {
  const Owner owner;
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  for (std::size_t i = 0; i < line.size(); ++i) {
    CAPTURE(i);
    std::string changed = line;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    // The bits behind the last whole byte mean nothing.
    if (i + 1 < line.size()) CHECK(read_invite(changed).has_error());
    CHECK(read_invite(line.substr(0, i)).has_error());
  }
}

TEST_CASE("an invite that another than the owner has signed is forged") {
  const Owner owner;
  const Owner stranger;
  Invite invite = stranger.invite();
  const std::string good = sign_invite(stranger.key, invite).value();
  CHECK(read_invite(good).value().origin == stranger.origin);
  // The id of the swarm names its owner: a stranger's invite is to a stranger's swarm.
  invite.origin.nonce = owner.origin.nonce;
  CHECK(id_of(invite.origin) != id_of(owner.origin));
}

TEST_CASE("an invite is bounded, and its texts can be printed") {
  const Owner owner;
  Invite invite = owner.invite();
  invite.contacts.resize(Invite::kMaxContacts + 1, invite.contacts.front());
  CHECK(sign_invite(owner.key, invite).error().code == ErrorCode::kLimit);
  invite = owner.invite();
  invite.contacts.front().address = "host\x1b[2J:7070";
  CHECK(sign_invite(owner.key, invite).error().code == ErrorCode::kLimit);
  invite = owner.invite();
  invite.swarm_name = "two words";
  CHECK(sign_invite(owner.key, invite).error().code == ErrorCode::kLimit);
}

TEST_CASE("an invite ends when it says") {
  Invite invite;
  CHECK_FALSE(invite.is_expired(~0ULL));
  invite.expires_unix_s = 100;
  CHECK_FALSE(invite.is_expired(99));
  CHECK(invite.is_expired(100));
}

}  // namespace brigade::trust

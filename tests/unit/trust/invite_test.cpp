#include "trust/invite.hpp"

#include <functional>
#include <string>

#include "base/limits.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "tests/catch.hpp"
#include "tests/unit/trust/signed_swarm.hpp"
#include "trust/invite_line.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {
namespace {

constexpr std::string_view kBase64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string why_refused(const std::string& text) {
  const auto read = read_invite(text);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::kBadInput);
  return read.error().message;
}

/// A line whose checksum and signature are right, around what our own signing would refuse.
std::string line_with(const Owner& owner, const std::function<void(v1::Invite&)>& change) {
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  const Statement statement = parse_statement(from_invite_line(line).value()).value();
  v1::Invite message;
  REQUIRE(message.ParseFromString(statement.content));
  change(message);
  return to_invite_line(
      sign_statement(owner.key, "invite v1", message.SerializeAsString()).value());
}

}  // namespace

TEST_CASE("an invite is one line that says what was put into it") {
  const Owner owner;
  const Invite invite = owner.invite();
  const std::string line = sign_invite(owner.key, invite).value();
  CHECK(line.starts_with("brigade1-"));
  CHECK(line.size() < 500);
  CHECK(read_invite(line).value() == invite);
}

TEST_CASE("the largest invite that can be made can be read") {
  const Owner owner;
  Invite invite = owner.invite();
  invite.swarm_name.assign(limits::kMaxNameBytes, 'n');
  invite.created_unix_s = invite.expires_unix_s = limits::kMaxUnixS;
  invite.uses = limits::kMaxInviteUses;
  invite.contacts.front().address.assign(limits::kMaxAddressBytes, 'a');
  invite.contacts.resize(limits::kMaxContacts, invite.contacts.front());
  const std::string line = sign_invite(owner.key, invite).value();
  CHECK(line.size() < limits::kMaxInviteBytes / 2);
  CHECK(read_invite(line).value() == invite);
}

TEST_CASE("a line with any one character changed is refused, whatever it became") {
  const Owner owner;
  for (const char* address : {"h:1", "ho:1", "hos:1"}) {  // each length of the last base64 group
    Invite invite = owner.invite();
    invite.contacts.front().address = address;
    const std::string line = sign_invite(owner.key, invite).value();
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::string changed = line;
      for (const char c : std::string(kBase64url) + " =+/*.\n\x80") {
        changed[i] = c;
        if (c != line[i] && read_invite(changed).has_value()) ++accepted;
      }
    }
    CHECK(accepted == 0);
  }
}

TEST_CASE("a line with any character lost, doubled or swapped, or cut anywhere, is refused") {
  const Owner owner;
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  for (std::size_t i = 0; i < line.size(); ++i) {
    CAPTURE(i);
    CHECK(read_invite(line.substr(0, i)).has_error());
    CHECK(read_invite(line.substr(i + 1)).has_error());
    CHECK(read_invite(line.substr(0, i) + line.substr(i + 1)).has_error());
    CHECK(read_invite(line.substr(0, i) + line[i] + line.substr(i)).has_error());
    if (i + 1 == line.size() || line[i] == line[i + 1]) continue;
    std::string swapped = line;
    std::swap(swapped[i], swapped[i + 1]);
    CHECK(read_invite(swapped).has_error());
  }
}

TEST_CASE("a changed statement with a checksum to match is forged") {
  const Owner owner;
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  const std::string bytes = from_invite_line(line).value();
  std::size_t forged = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const std::string why = why_refused(to_invite_line(changed));
    if (why == "this invite is forged: the swarm's owner has not signed it") ++forged;
  }
  CHECK(forged > 4 * bytes.size());  // the rest has no sense as a message
}

TEST_CASE("an invite that another key has signed is forged") {
  const Owner owner;
  const Owner stranger;
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  const std::string content = parse_statement(from_invite_line(line).value()).value().content;
  const std::string forged = sign_statement(stranger.key, "invite v1", content).value();
  CHECK(why_refused(to_invite_line(forged)) ==
        "this invite is forged: the swarm's owner has not signed it");
}

TEST_CASE("what the owner has signed as something else is no invite") {
  const Owner owner;
  const std::string line = sign_invite(owner.key, owner.invite()).value();
  const std::string content = parse_statement(from_invite_line(line).value()).value().content;
  for (const char* name : {"invite v2", "invite", "swarm description v1", ""}) {
    const std::string other = sign_statement(owner.key, name, content).value();
    CHECK(why_refused(to_invite_line(other)) ==
          "this invite is forged: the swarm's owner has not signed it");
  }
  const std::string description = sign_description(owner.key, owner.description()).value();
  CHECK(read_invite(to_invite_line(description)).has_error());
}

TEST_CASE("a stranger's invite is to the stranger's swarm: the id names its owner") {
  const Owner owner;
  Owner stranger;
  stranger.origin.nonce = owner.origin.nonce;
  const std::string line = sign_invite(stranger.key, stranger.invite()).value();
  const Invite invite = read_invite(line).value();
  CHECK(invite.origin == stranger.origin);
  CHECK(id_of(invite.origin) != id_of(owner.origin));
}

TEST_CASE("an invite beyond a bound is not signed") {
  const Owner owner;
  const auto is_limited = [&](const std::function<void(Invite&)>& change) {
    Invite invite = owner.invite();
    change(invite);
    const auto line = sign_invite(owner.key, invite);
    return line.has_error() && line.error().code == ErrorCode::kLimit;
  };
  CHECK_FALSE(is_limited([](Invite&) {}));
  CHECK(is_limited([](Invite& i) { i.contacts.resize(limits::kMaxContacts + 1, i.contacts[0]); }));
  CHECK(is_limited([](Invite& i) { i.contacts[0].address = "host\x1b[2J:7070"; }));
  CHECK(is_limited([](Invite& i) { i.contacts[0].address = ""; }));
  CHECK(is_limited([](Invite& i) { i.contacts[1].address.assign(263, 'a'); }));
  CHECK(is_limited([](Invite& i) { i.swarm_name = "two words"; }));
  CHECK(is_limited([](Invite& i) { i.swarm_name = ""; }));
  CHECK(is_limited([](Invite& i) { i.swarm_name.assign(65, 'n'); }));
  CHECK(is_limited([](Invite& i) { i.uses = limits::kMaxInviteUses + 1; }));
  CHECK(is_limited([](Invite& i) { i.created_unix_s = limits::kMaxUnixS + 1; }));
  CHECK(is_limited([](Invite& i) { i.expires_unix_s = limits::kMaxUnixS + 1; }));
}

TEST_CASE("an invite beyond a bound is not believed, though its owner has signed it") {
  const Owner owner;
  const auto is_refused = [&](const std::function<void(v1::Invite&)>& change) {
    return read_invite(line_with(owner, change)).has_error();
  };
  CHECK_FALSE(is_refused([](v1::Invite&) {}));
  CHECK(is_refused([](v1::Invite& i) {
    while (i.contacts_size() <= static_cast<int>(limits::kMaxContacts)) {
      *i.add_contacts() = i.contacts(0);
    }
  }));
  CHECK(is_refused([](v1::Invite& i) { i.mutable_contacts(0)->set_address("\x1b[2J:7070"); }));
  CHECK(is_refused([](v1::Invite& i) { i.mutable_contacts(0)->set_address("h\xff:7070"); }));
  CHECK(is_refused([](v1::Invite& i) { i.mutable_contacts(0)->clear_address(); }));
  CHECK(is_refused([](v1::Invite& i) { i.mutable_contacts(0)->set_node_id("short"); }));
  CHECK(is_refused([](v1::Invite& i) { i.set_swarm_name("a\nb"); }));
  CHECK(is_refused([](v1::Invite& i) { i.clear_swarm_name(); }));
  CHECK(is_refused([](v1::Invite& i) { i.set_expires_unix_s(~0ULL); }));
  CHECK(is_refused([](v1::Invite& i) { i.set_created_unix_s(~0ULL); }));
  CHECK(is_refused([](v1::Invite& i) { i.set_uses(~0U); }));
  CHECK(is_refused([](v1::Invite& i) { i.set_nonce(i.nonce() + "x"); }));
  CHECK(is_refused([](v1::Invite& i) { i.clear_invite_id(); }));
  CHECK(is_refused([](v1::Invite& i) { i.clear_owner_key(); }));
}

TEST_CASE("a field that a later Brigade adds to an invite is passed over") {
  const Owner owner;
  const std::string line = line_with(owner, [](v1::Invite& invite) {
    invite.GetReflection()->MutableUnknownFields(&invite)->AddVarint(99, 7);
  });
  CHECK(read_invite(line).has_value());
}

TEST_CASE("an invite ends when it says") {
  Invite invite;
  CHECK_FALSE(invite.is_expired(~0ULL));
  invite.expires_unix_s = 100;
  CHECK_FALSE(invite.is_expired(99));
  CHECK(invite.is_expired(100));
}

}  // namespace brigade::trust

#include "trust/invite.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <string>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "trust/fields.hpp"
#include "trust/invite_line.hpp"
#include "trust/openssl.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {

namespace {

constexpr std::string_view kStatement = "invite v1";

/// A swarm's name names folders.
bool is_file_name(const std::string& name) {
  return name.front() != '.' && name.find('/') == std::string::npos;
}

/// What holds for every invite, made here or elsewhere.
bool is_within_bounds(const Invite& invite) {
  const auto is_sound = [](const Contact& contact) {
    return is_word(contact.address, limits::kMaxAddressBytes);
  };
  return is_word(invite.swarm_name, limits::kMaxNameBytes) && is_file_name(invite.swarm_name) &&
         invite.created_unix_s <= limits::kMaxUnixS && invite.expires_unix_s <= limits::kMaxUnixS &&
         invite.uses <= limits::kMaxInviteUses && invite.contacts.size() <= limits::kMaxContacts &&
         std::all_of(invite.contacts.begin(), invite.contacts.end(), is_sound);
}

std::string to_content(const Invite& invite) {
  v1::Invite message;
  set_bytes(message.mutable_owner_key(), invite.origin.owner.bytes);
  set_bytes(message.mutable_nonce(), invite.origin.nonce);
  set_bytes(message.mutable_invite_id(), invite.id.bytes);
  message.set_swarm_name(invite.swarm_name);
  message.set_created_unix_s(invite.created_unix_s);
  message.set_expires_unix_s(invite.expires_unix_s);
  message.set_uses(invite.uses);
  for (const Contact& contact : invite.contacts) {
    v1::Contact* added = message.add_contacts();
    set_bytes(added->mutable_node_id(), contact.node.bytes);
    added->set_address(contact.address);
  }
  return message.SerializeAsString();
}

bool from_content(const std::string& content, Invite& invite) {
  v1::Invite message;
  if (!message.ParseFromString(content) ||
      !get_bytes(message.owner_key(), invite.origin.owner.bytes) ||
      !get_bytes(message.nonce(), invite.origin.nonce) ||
      !get_bytes(message.invite_id(), invite.id.bytes)) {
    return false;
  }
  invite.swarm_name = message.swarm_name();
  invite.created_unix_s = message.created_unix_s();
  invite.expires_unix_s = message.expires_unix_s();
  invite.uses = message.uses();
  for (const v1::Contact& contact : message.contacts()) {
    Contact read;
    if (!get_bytes(contact.node_id(), read.node.bytes)) return false;
    read.address = contact.address();
    invite.contacts.push_back(std::move(read));
  }
  return is_within_bounds(invite);
}

}  // namespace

std::string to_hex(const InviteId& id) {
  std::string text;
  for (const std::uint8_t byte : id.bytes) text += fmt::format("{:02x}", byte);
  return text;
}

Result<InviteId> make_invite_id() {
  InviteId id;
  if (RAND_bytes(id.bytes.data(), static_cast<int>(id.bytes.size())) != 1) {
    return openssl_error("cannot draw a random number");
  }
  return id;
}

Result<std::string> sign_invite(const SigningKey& owner, const Invite& invite) {
  BRIGADE_CHECK(owner.public_key() == invite.origin.owner, "signed with another owner's key");
  if (!is_within_bounds(invite)) {
    return make_error(
        ErrorCode::kLimit,
        fmt::format("an invite is for {} nodes at most, ends by the year 9999, has a name of {} "
                    "characters and {} contacts with addresses of {}, none with a space in it",
                    limits::kMaxInviteUses, limits::kMaxNameBytes, limits::kMaxContacts,
                    limits::kMaxAddressBytes));
  }
  BRIGADE_ASSIGN(const std::string statement,
                 sign_statement(owner, kStatement, to_content(invite)));
  return to_invite_line(statement);
}

Result<std::string> statement_of(std::string_view line) {
  return from_invite_line(line);
}

Result<Invite> read_invite_statement(std::string_view bytes) {
  const auto statement = parse_statement(bytes);
  Invite invite;
  if (!statement || !from_content(statement->content, invite)) {
    return make_error(ErrorCode::kBadInput,
                      "this line is whole, but no invite that this Brigade understands: ask for a "
                      "new one");
  }
  if (!is_signed_by(invite.origin.owner, kStatement, statement->content, statement->signature)) {
    return make_error(ErrorCode::kBadInput,
                      "this invite is forged: the swarm's owner has not signed it");
  }
  return invite;
}

Result<Invite> read_invite(std::string_view text) {
  BRIGADE_ASSIGN(const std::string statement, statement_of(text));
  return read_invite_statement(statement);
}

}  // namespace brigade::trust

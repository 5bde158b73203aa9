#include "trust/invite.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <string>

#include "brigade/trust/v1/trust.pb.h"
#include "trust/fields.hpp"
#include "trust/openssl.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {

namespace {

constexpr std::string_view kPrefix = "brigade1-";
constexpr std::string_view kAnyPrefix = "brigade";
constexpr std::string_view kStatement = "invite v1";
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxAddressBytes = 256;
// Groups of base64: so many bytes as so many characters.
constexpr std::size_t kGroupBytes = 3;
constexpr std::size_t kGroupCharacters = 4;

std::string checksum_of(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return {reinterpret_cast<const char*>(digest), kChecksumBytes};
}

std::string to_base64url(const std::string& bytes) {
  std::string text(kGroupCharacters * (bytes.size() / kGroupBytes + 1) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  text.erase(text.find_last_not_of('=') + 1);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// False where a character is none of base64url, or the length is none.
bool from_base64url(std::string text, std::string& out) {
  const auto is_ours = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  if (!std::all_of(text.begin(), text.end(), is_ours)) return false;
  if (text.size() % kGroupCharacters == 1) return false;
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const std::size_t padding =
      (kGroupCharacters - text.size() % kGroupCharacters) % kGroupCharacters;
  text.append(padding, '=');
  out.assign(text.size() / kGroupCharacters * kGroupBytes, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return false;
  out.resize(static_cast<std::size_t>(size) - padding);
  return true;
}

std::string without_spaces(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') result += c;
  }
  return result;
}

/// Texts of others go to terminals and logs: no control characters.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_name(std::string_view text) {
  return text.size() <= kMaxNameBytes && is_printable(text);
}

Error refused(std::string why) {
  return make_error(ErrorCode::kBadInput, std::move(why));
}

bool read_contacts(const v1::Invite& message, std::vector<Contact>& contacts) {
  if (message.contacts_size() > static_cast<int>(Invite::kMaxContacts)) return false;
  for (const v1::Contact& contact : message.contacts()) {
    Contact read;
    if (!get_bytes(contact.node_id(), read.node.bytes) || contact.address().empty() ||
        contact.address().size() > kMaxAddressBytes || !is_printable(contact.address())) {
      return false;
    }
    read.address = contact.address();
    contacts.push_back(std::move(read));
  }
  return true;
}

/// The statement inside the line, its checksum found good.
Result<std::string> unwrap(std::string_view text) {
  if (text.size() > Invite::kMaxTextBytes) return refused("it is too long for an invite");
  const std::string line = without_spaces(text);
  if (!line.starts_with(kAnyPrefix)) {
    return refused(fmt::format("this is no invite: one starts with \"{}\"", kPrefix));
  }
  if (!line.starts_with(kPrefix)) {
    return refused("this invite is of another version of Brigade: update this one");
  }
  std::string bytes;
  if (!from_base64url(line.substr(kPrefix.size()), bytes) || bytes.size() <= kChecksumBytes) {
    return refused("this invite is damaged: copy the whole line again");
  }
  const std::string checksum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.resize(bytes.size() - kChecksumBytes);
  if (checksum != checksum_of(bytes)) {
    return refused("this invite is cut or mistyped: copy the whole line again");
  }
  return bytes;
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
  std::vector<Contact> read;
  if (!read_contacts(message, read) || !is_name(invite.swarm_name)) {
    return make_error(
        ErrorCode::kLimit,
        fmt::format("an invite holds {} contacts at most, each with an address of {} printable "
                    "characters at most, and a name of {} without spaces",
                    Invite::kMaxContacts, kMaxAddressBytes, kMaxNameBytes));
  }
  BRIGADE_ASSIGN(const std::string bytes,
                 sign_statement(owner, kStatement, message.SerializeAsString()));
  return std::string(kPrefix) + to_base64url(bytes + checksum_of(bytes));
}

Result<Invite> read_invite(std::string_view text) {
  BRIGADE_ASSIGN(const std::string bytes, unwrap(text));
  const auto statement = parse_statement(bytes);
  v1::Invite message;
  Invite invite;
  if (!statement || !message.ParseFromString(statement->content) ||
      !get_bytes(message.owner_key(), invite.origin.owner.bytes) ||
      !get_bytes(message.nonce(), invite.origin.nonce) ||
      !get_bytes(message.invite_id(), invite.id.bytes) || !is_name(message.swarm_name()) ||
      !read_contacts(message, invite.contacts)) {
    return refused("this is no invite, although it looks like one: ask for a new one");
  }
  if (!is_signed_by(invite.origin.owner, kStatement, statement->content, statement->signature)) {
    return refused("this invite is forged: it is not signed by the swarm's owner");
  }
  invite.swarm_name = std::move(*message.mutable_swarm_name());
  invite.created_unix_s = message.created_unix_s();
  invite.expires_unix_s = message.expires_unix_s();
  invite.uses = message.uses();
  return invite;
}

}  // namespace brigade::trust

// An invite: a capability, signed by the swarm's owner, that lets whoever holds it join. Any node
// can check it, offline. People see one line of text (trust/invite_line.hpp).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "trust/key.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::trust {

/// Names an invite in a revocation, and among those that nodes have joined with.
struct InviteId {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const InviteId&) const = default;
};
std::string to_hex(const InviteId& id);

/// Where a node of the swarm can be found.
struct Contact {
  NodeId node;
  std::string address;  // HOST:PORT
  bool operator==(const Contact&) const = default;
};

struct Invite {
  SwarmOrigin origin;
  InviteId id;
  std::string swarm_name;  // for people
  std::uint64_t created_unix_s = 0;
  std::uint64_t expires_unix_s = 0;  // 0: never
  std::uint32_t uses = 0;            // nodes that may join with it; 0: any number
  std::vector<Contact> contacts;
  bool operator==(const Invite&) const = default;

  bool is_expired(std::uint64_t now_unix_s) const {
    return expires_unix_s != 0 && now_unix_s >= expires_unix_s;
  }
};

/// A name that no other invite has. kIo if the system gives no randomness.
Result<InviteId> make_invite_id();

/// The line. `owner` must be the key of the invite's origin. kLimit, with all bounds, where one is
/// passed (base/limits.hpp) or a text has a character that is not printable ASCII.
Result<std::string> sign_invite(const SigningKey& owner, const Invite& invite);

/// The signed statement inside a line, as node records carry it, and back. kBadInput as below.
Result<std::string> statement_of(std::string_view line);
Result<Invite> read_invite_statement(std::string_view statement);

/// kBadInput, with what to do: no invite, cut or mistyped, of a newer Brigade, not by the owner
/// that it names. Whether it is expired is the caller's to ask: only that needs a clock.
Result<Invite> read_invite(std::string_view text);

}  // namespace brigade::trust

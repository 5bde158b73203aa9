// What the members of a swarm say of themselves and of each other, signed: it is passed on by
// others, who need not be believed. What it means is membership's (swarm/membership/record.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "trust/invite.hpp"
#include "trust/key.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::trust {

/// A node's word on itself. `invite` is the capability that lets it be a member: the signed
/// statement inside of an invite's line.
struct NodeRecord {
  SwarmId swarm;
  PublicKey key;
  std::string invite;
  std::uint64_t incarnation = 0;
  std::uint32_t doing = 0;
  std::optional<std::uint32_t> stage;
  std::uint32_t target = 0;
  bool can_be_dialled = false;
  std::vector<std::string> addresses;
  std::vector<NodeId> via;
  std::uint64_t memory_bytes = 0;
  std::uint64_t pace_ns = 0;
  bool stays = false;
  bool has_state = false;
  bool operator==(const NodeRecord&) const = default;
};

/// "I could not reach `subject` in this incarnation."
struct Suspicion {
  SwarmId swarm;
  PublicKey observer;
  NodeId subject;
  std::uint64_t incarnation = 0;
  bool operator==(const Suspicion&) const = default;
};

/// Signed bytes; the key in the statement must be that of `key`. kLimit beyond base/limits.hpp.
Result<std::string> sign_record(const SigningKey& key, const NodeRecord& record);
Result<std::string> sign_suspicion(const SigningKey& key, const Suspicion& suspicion);

/// kCorrupt, with what is wrong: no statement, another swarm's, beyond bounds, not signed by the
/// key inside. Whether the invite in it is sound is the caller's to ask.
Result<NodeRecord> read_record(std::string_view bytes, const SwarmId& swarm);
Result<Suspicion> read_suspicion(std::string_view bytes, const SwarmId& swarm);

}  // namespace brigade::trust

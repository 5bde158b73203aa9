// Between what members say to each other (swarm/membership/message.hpp) and its bytes on a link
// (proto/brigade/v1/membership.proto).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "daemon/members/notary.hpp"
#include "swarm/membership/message.hpp"
#include "trust/digest.hpp"

namespace brigade::daemon {

/// The message in pieces of at most limits::kMaxGossipBytes each: one, but for long lists of
/// records. What this node can't vouch for is left out.
std::vector<std::string> to_gossip(const swarm::membership::Message& message, Notary& notary);

/// What a member tells of the owner's revocations: as rumours, which nodes of older versions read
/// without it.
struct RevokedTold {
  std::vector<std::string> revocations;  // signed; whether they are sound is not known yet
  std::optional<trust::Sha256> known;    // digest of all that it knows
};
std::vector<std::string> to_gossip(const RevokedTold& told,
                                   const swarm::membership::Interest& interest);

struct Heard {
  swarm::membership::Message message;
  RevokedTold revoked;
};
/// kProtocol, with what is wrong: every length and number is checked, and every signature but those
/// of revocations.
Result<Heard> from_gossip(std::string_view bytes, Notary& notary);

}  // namespace brigade::daemon

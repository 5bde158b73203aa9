// Between what members say to each other (swarm/membership/message.hpp) and its bytes on a link
// (proto/brigade/v1/membership.proto).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "daemon/members/notary.hpp"
#include "swarm/membership/message.hpp"

namespace brigade::daemon {

/// The message in pieces of at most limits::kMaxGossipBytes each: one, but for long lists of
/// records. What this node can't vouch for is left out.
std::vector<std::string> to_gossip(const swarm::membership::Message& message, Notary& notary);

/// kProtocol, with what is wrong: every length, number and signature is checked.
Result<swarm::membership::Message> from_gossip(std::string_view bytes, Notary& notary);

}  // namespace brigade::daemon

// Whom an owner revokes, as people name it in a command and read it back; pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "brigade/control/v1/control.pb.h"
#include "cli/event_json.hpp"
#include "trust/revocation.hpp"

namespace brigade::cli {

inline constexpr std::size_t kShortestId = 8;  // digits: what brigade status shows

/// A node's whole id; at least kShortestId digits of one that this machine's node knows; or an
/// invite's line. kBadInput: none of them, several nodes, an invite to another swarm.
Result<trust::Revoked> to_revoked(std::string_view text, const trust::SwarmOrigin& origin,
                                  const brigade::control::v1::NodeStatus& own);

/// "node 1234…cdef, 2026-12-22 05:05 UTC: REASON".
std::string describe_revoked(const trust::Revocation& revocation);
Json to_json(const trust::Revocation& revocation);

}  // namespace brigade::cli

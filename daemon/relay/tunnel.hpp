// What both kinds of ends of a tunnel share (docs/protocol.md, "Tunnels").
//
// Two nodes that can't dial each other meet through a third that both can dial. It passes bytes on
// and can read none of them: inside the tunnel is the same mutual TLS as on any link, from one end
// to the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace brigade::daemon {

inline constexpr char kTunnelMethod[] = "/brigade.v1.Relay/Tunnel";
inline constexpr std::size_t kTunnelPiece = 64 * 1024;  // bytes that one message carries at most

/// The first message of an end: "to that node", or "I come for tunnel N".
struct TunnelRequest {
  std::optional<NodeId> callee;
  std::uint64_t answers = 0;
};
std::string to_bytes(const TunnelRequest& request);
/// None: it makes no sense.
std::optional<TunnelRequest> read_tunnel_request(std::string_view bytes);

}  // namespace brigade::daemon

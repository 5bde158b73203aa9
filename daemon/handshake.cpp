#include "daemon/handshake.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace brigade::daemon {

namespace {

constexpr unsigned kMaxDoublings = 20;  // 2^20 · the first pause is past any `longest`

std::string short_hex(const SwarmId& swarm) {
  return to_short(NodeId{swarm});
}

}  // namespace

Result<> check_hello(const Hello& own, const Hello& peer, StageIndex expected_stage) {
  if (peer.protocol != own.protocol) {
    return make_error(ErrorCode::kProtocol,
                      fmt::format("it speaks protocol version {}, this node {}: install the same "
                                  "version of Brigade on both",
                                  peer.protocol, own.protocol));
  }
  if (peer.swarm != own.swarm) {
    return make_error(ErrorCode::kProtocol,
                      fmt::format("it belongs to swarm {}, this node to {}: give both the same "
                                  "swarm.toml",
                                  short_hex(peer.swarm), short_hex(own.swarm)));
  }
  if (peer.stage != expected_stage) {
    return make_error(ErrorCode::kProtocol,
                      fmt::format("it hosts stage {}, this node's [[peers]] entry says {}: correct "
                                  "one of them",
                                  peer.stage.value(), expected_stage.value()));
  }
  return {};
}

bool does_replace(const LinkClaim& fresh, const LinkClaim& kept, std::chrono::nanoseconds settled) {
  if (fresh.dialler == kept.dialler) return true;  // it would not dial with a live link
  if (kept.age > settled) return true;
  return fresh.dialler < kept.dialler;
}

std::chrono::nanoseconds Redial::next_pause() {
  const std::int64_t factor = std::int64_t{1} << std::min(failures_, kMaxDoublings);
  ++failures_;
  const std::chrono::nanoseconds whole = std::min(options_.first * factor, options_.longest);
  const double share = 0.5 + 0.5 * random_.uniform();
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(whole.count()) * share));
}

}  // namespace brigade::daemon

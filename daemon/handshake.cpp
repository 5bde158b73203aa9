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

Result<> check_hello(const Introduction& own, const Introduction& peer,
                     std::optional<StageIndex> expected_stage) {
  const std::string them = "node " + to_short(peer.id);
  const std::string us = "node " + to_short(own.id);
  if (peer.hello.protocol != own.hello.protocol) {
    return make_error(ErrorCode::kProtocol,
                      fmt::format("{} speaks protocol version {}, {} speaks {}: install the same "
                                  "version of Brigade on both",
                                  them, peer.hello.protocol, us, own.hello.protocol));
  }
  if (peer.hello.swarm != own.hello.swarm) {
    return make_error(
        ErrorCode::kProtocol,
        fmt::format("{} belongs to swarm {}, {} to swarm {}: give both the same swarm.toml", them,
                    short_hex(peer.hello.swarm), us, short_hex(own.hello.swarm)));
  }
  if (peer.hello.settings != own.hello.settings) {
    return make_error(
        ErrorCode::kProtocol,
        fmt::format("{} trains by other settings ({}) than {} ({}): one of them has "
                    "an old description of the swarm; start it again",
                    them, short_hex(peer.hello.settings), us, short_hex(own.hello.settings)));
  }
  if (expected_stage && peer.hello.stage != *expected_stage) {
    return make_error(
        ErrorCode::kProtocol,
        fmt::format("{} hosts stage {}, {} expects it at stage {}: correct one of them", them,
                    peer.hello.stage.value(), us, expected_stage->value()));
  }
  return {};
}

Codec agree_on_codec(Codec wished, const Hello& own, const Hello& peer) {
  const auto decodes = [wished](const Hello& hello) {
    return std::ranges::find(hello.codecs, wished) != hello.codecs.end();
  };
  return decodes(own) && decodes(peer) ? wished : Codec::kFp32;
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

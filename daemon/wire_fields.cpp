#include "daemon/wire_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::daemon {

Error protocol_error(std::string text) {
  return make_error(ErrorCode::kProtocol, std::move(text));
}

Result<> check_at_most(const char* what, std::uint64_t value, std::uint64_t most) {
  if (value <= most) return {};
  return protocol_error(fmt::format("{} {}, at most {} is allowed", what, value, most));
}

Result<> check_within(const char* what, std::uint64_t value, std::uint64_t most) {
  if (value >= 1 && value <= most) return {};
  return protocol_error(fmt::format("{} {}, not within 1 to {}", what, value, most));
}

Result<MicrobatchId> id_from(const wire::MicrobatchId& id) {
  BRIGADE_TRY(check_at_most("sequence", id.sequence(), limits::kMaxPosition));
  return MicrobatchId{Epoch(id.epoch()), HeadIndex(id.head()), Sequence(id.sequence()),
                      id.is_eval() ? MicrobatchId::Kind::kEval : MicrobatchId::Kind::kTrain};
}

void id_to(const MicrobatchId& id, wire::MicrobatchId& out) {
  out.set_epoch(id.epoch.value());
  out.set_head(id.head.value());
  out.set_sequence(id.sequence.value());
  out.set_is_eval(id.kind == MicrobatchId::Kind::kEval);
}

Duration duration_from(std::uint64_t nanoseconds) {
  return Duration(static_cast<Duration::rep>(nanoseconds));
}

std::uint64_t nanoseconds_of(Duration duration) {
  return static_cast<std::uint64_t>(duration.count());
}

Result<Duration> clock_from(const char* what, std::uint64_t nanoseconds) {
  BRIGADE_TRY(check_at_most(what, nanoseconds, limits::kMaxClockNs));
  return duration_from(nanoseconds);
}

Result<NodeId> node_from(const std::string& bytes) {
  NodeId id;
  if (bytes.size() != id.bytes.size()) return protocol_error("a node's id of a wrong length");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

}  // namespace brigade::daemon

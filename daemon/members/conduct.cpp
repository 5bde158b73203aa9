#include "daemon/members/conduct.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace brigade::daemon {

double Conduct::score_at(TimePoint now, const Known& known) {
  const double half_lives = std::chrono::duration<double>(now - known.noted_at) /
                            std::chrono::duration<double>(kHalfLife);
  return known.score * std::exp2(-half_lives);
}

bool Conduct::note(TimePoint now, const NodeId& peer, const std::string& what, double weight) {
  if (!known_.contains(peer)) make_room(now);
  Known& known = known_[peer];
  if (now < known.quarantined_until) return false;  // it is already
  known.score = score_at(now, known) + weight;
  known.noted_at = now;
  if (known.score < kTooMuch) return false;
  known.score = 0;
  known.quarantined_until = now + kQuarantine;
  known.reason = weight >= kTooMuch ? what : fmt::format("it misbehaved too often, last: {}", what);
  return true;
}

std::optional<std::string> Conduct::quarantine_of(TimePoint now, const NodeId& peer) const {
  const auto known = known_.find(peer);
  if (known == known_.end() || now >= known->second.quarantined_until) return std::nullopt;
  return known->second.reason;
}

Conduct::Account Conduct::account_of(TimePoint now, const NodeId& peer) const {
  const auto known = known_.find(peer);
  if (known == known_.end()) return {};
  if (now >= known->second.quarantined_until) return {score_at(now, known->second), {}, {}};
  return {0, known->second.quarantined_until - now, known->second.reason};
}

void Conduct::make_room(TimePoint now) {
  if (known_.size() < kMostKnown) return;
  const auto least = std::ranges::min_element(known_, {}, [&](const auto& entry) {
    return now < entry.second.quarantined_until ? kTooMuch : score_at(now, entry.second);
  });
  known_.erase(least);
}

}  // namespace brigade::daemon

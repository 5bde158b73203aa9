// Messages that bring nothing: repeats, questions, receipts that nobody waits for, beacons; shares
// count too, whatever becomes of them. Each costs its receiver some work, so a peer has an
// allowance of them.
//
// An honest peer sends two beacons a second, asks about what it gave at its deadlines, and all of
// it at once when a link comes back (as many as a stage holds, limits::kMaxInFlight); it repeats
// bytes 64 times in 5 s at most (Throttle). The allowance is twice that and more. Whoever uses it
// up misbehaves, once for every kMisdeed that come beyond, and is quarantined after kBurst + 4 ·
// kMisdeed: a second or two of what a link can carry.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>

#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/time.hpp"

namespace brigade::swarm {

class Nuisance {
 public:
  static constexpr double kBurst = 4 * limits::kMaxInFlight;
  static constexpr double kASecond = 1000;
  static constexpr double kMisdeed = limits::kMaxInFlight;
  static constexpr double kRepeat = 32;  // of bytes: as much as so many small messages
  static constexpr std::size_t kMostPeers = limits::kMaxLinks;

  /// True: it is one too many.
  bool note(TimePoint now, const NodeId& peer, double cost) {
    if (used_.size() >= kMostPeers && !used_.contains(peer)) forget_quietest(now);
    Use& use = used_[peer];
    use = {at(now, use) + cost, now};
    if (use.amount <= kBurst) return false;
    use.amount -= kMisdeed;
    return true;
  }

 private:
  struct Use {
    double amount = 0;
    TimePoint when;
  };
  static double at(TimePoint now, const Use& use) {
    const double seconds = std::chrono::duration<double>(now - use.when).count();
    return std::max(use.amount - seconds * kASecond, 0.0);
  }
  void forget_quietest(TimePoint now) {
    used_.erase(std::ranges::min_element(used_, {},
                                         [now](const auto& one) { return at(now, one.second); }));
  }

  std::map<NodeId, Use> used_;
};

}  // namespace brigade::swarm

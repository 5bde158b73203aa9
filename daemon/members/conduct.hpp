// What peers did wrong, and who is not worked with for it: each misdeed counts its weight, one as a
// rule; half of it is forgotten after kHalfLife, and whoever comes to kTooMuch is quarantined for
// kQuarantine with the last misdeed as the reason. The core blames nobody for what an honest node,
// a lost message or a slow link can cause.
//
// Bounded: of more than kMostKnown peers the one with the least on it is forgotten.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace brigade::daemon {

class Conduct {
 public:
  static constexpr double kTooMuch = 5;
  static constexpr double kGrave = kTooMuch;  // what no accident looks like: one is enough
  static constexpr Duration kHalfLife = std::chrono::minutes{1};
  static constexpr Duration kQuarantine = std::chrono::minutes{10};
  static constexpr std::size_t kMostKnown = 1024;

  /// True: with this one it is quarantined.
  bool note(TimePoint now, const NodeId& peer, const std::string& what, double weight = 1);
  /// Why a peer is not worked with now; none: it is.
  std::optional<std::string> quarantine_of(TimePoint now, const NodeId& peer) const;
  struct Account {
    double misdeeds = 0;     // what is not forgotten; quarantine begins anew
    Duration quarantined{};  // from now; zero: it is not
    std::string reason;      // of the quarantine
  };
  Account account_of(TimePoint now, const NodeId& peer) const;

 private:
  struct Known {
    double score = 0;  // at `noted_at`
    TimePoint noted_at;
    TimePoint quarantined_until;
    std::string reason;
  };
  static double score_at(TimePoint now, const Known& known);
  void make_room(TimePoint now);

  std::map<NodeId, Known> known_;
};

}  // namespace brigade::daemon

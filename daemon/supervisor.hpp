// What systemd is told: ready, stopping, one status line, and that the core strand still turns.
// Without systemd (no NOTIFY_SOCKET) all of it does nothing.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"

namespace brigade::daemon {

class Supervisor {
 public:
  Supervisor();
  /// Half of what the unit's WatchdogSec asks for; absent where it asks for nothing.
  std::optional<Duration> watchdog_interval() const { return watchdog_interval_; }
  void feed_watchdog() const;
  /// Nobody feeds the watchdog for so long: the stage is made anew. Feeding again ends it.
  void rest_watchdog(Duration at_most) const;
  /// The start takes longer: peers or the stage are not there yet.
  void extend_start(Duration by) const;
  void ready();
  void stopping() const;
  void status(const std::string& line) const;
  bool is_ready() const { return is_ready_; }

 private:
  std::optional<Duration> watchdog_interval_;
  bool is_ready_ = false;
};

}  // namespace brigade::daemon

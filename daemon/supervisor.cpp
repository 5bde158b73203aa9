#include "daemon/supervisor.hpp"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace brigade::daemon {

namespace {

constexpr int kKeepEnvironment = 0;

void notify(const std::string& state) {
  sd_notify(kKeepEnvironment, state.c_str());
}

std::string watchdog_of(Duration limit) {
  return fmt::format("WATCHDOG_USEC={}",
                     std::chrono::duration_cast<std::chrono::microseconds>(limit).count());
}

}  // namespace

Supervisor::Supervisor() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(kKeepEnvironment, &microseconds) > 0)
    watchdog_interval_ = std::chrono::microseconds(microseconds) / 2;
  if (watchdog_interval_) notify(watchdog_of(2 * *watchdog_interval_));  // after a rest
}

void Supervisor::feed_watchdog() const {
  notify("WATCHDOG=1");
}

void Supervisor::rest_watchdog(Duration at_most) const {
  if (watchdog_interval_) notify(watchdog_of(at_most));
}

void Supervisor::extend_start(Duration by) const {
  notify(fmt::format("EXTEND_TIMEOUT_USEC={}",
                     std::chrono::duration_cast<std::chrono::microseconds>(by).count()));
}

void Supervisor::ready() {
  if (!std::exchange(is_ready_, true)) notify("READY=1");
}

void Supervisor::stopping() const {
  notify("STOPPING=1");
}

void Supervisor::status(const std::string& line) const {
  notify("STATUS=" + line);
}

}  // namespace brigade::daemon

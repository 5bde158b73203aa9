// The core's time is the steady clock's: one conversion each way.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.hpp"

namespace brigade::daemon {

inline TimePoint core_now() {
  return TimePoint(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

/// The calendar's: for what outlives a process.
inline std::uint64_t now_unix_s() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

inline std::chrono::steady_clock::time_point to_steady(TimePoint time) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(time.time_since_epoch()));
}

}  // namespace brigade::daemon

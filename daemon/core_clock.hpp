// The core's time is the steady clock's: one conversion each way.
#pragma once

#include <chrono>

#include "base/time.hpp"

namespace brigade::daemon {

inline TimePoint core_now() {
  return TimePoint(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

inline std::chrono::steady_clock::time_point to_steady(TimePoint time) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(time.time_since_epoch()));
}

}  // namespace brigade::daemon

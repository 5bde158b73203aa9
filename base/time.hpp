// Time as the core sees it: a number that the driver passes in.
#pragma once

#include <chrono>
#include <limits>

namespace brigade {

using Duration = std::chrono::nanoseconds;

/// A clock that no machine has: its time points come from a driver (steady clock) or the simulator.
struct CoreClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CoreClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = CoreClock::time_point;

inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace brigade

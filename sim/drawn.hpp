// Values drawn evenly from a range, both ends included.
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "base/time.hpp"

namespace brigade::sim {

inline Duration between(Random& random, Duration low, Duration high) {
  const auto width = static_cast<std::uint64_t>((high - low).count());
  return low + Duration{static_cast<Duration::rep>(random.below(width + 1))};
}

inline std::uint32_t pick(Random& random, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(random.below(high - low + 1));
}

}  // namespace brigade::sim

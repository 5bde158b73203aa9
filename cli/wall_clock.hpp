// The time of day, for what is signed: everything else measures with a steady clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace brigade::cli {

inline std::uint64_t now_unix_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  return seconds > 0 ? static_cast<std::uint64_t>(seconds) : 0;
}

}  // namespace brigade::cli

// Lets strangers fill neither the log nor the disk: kBurst lines at once, then one each kPause.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace brigade::daemon {

class WarningBudget {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::int64_t kBurst = 20;  // a swarm of some size that comes up all wrong
  static constexpr std::chrono::seconds kPause{5};

  explicit WarningBudget(Clock::time_point now) : refilled_(now) {}

  /// The text to log, with how many were left out before it, or nothing.
  std::optional<std::string> admit(const std::string& text, Clock::time_point now) {
    const std::int64_t earned = (now - refilled_) / kPause;
    left_ = std::min(kBurst, left_ + earned);
    refilled_ += earned * kPause;
    if (left_ == 0) {
      ++suppressed_;
      return std::nullopt;
    }
    --left_;
    const std::uint64_t missing = std::exchange(suppressed_, 0);
    return missing == 0 ? text : fmt::format("{} ({} more before it)", text, missing);
  }

 private:
  Clock::time_point refilled_;
  std::int64_t left_ = kBurst;
  std::uint64_t suppressed_ = 0;
};

}  // namespace brigade::daemon

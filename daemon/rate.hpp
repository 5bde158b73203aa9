// How fast a running total grows, over the last few seconds.
#pragma once

#include <chrono>
#include <deque>

#include "base/time.hpp"

namespace brigade::daemon {

/// Feed it totals as they grow; `per_second` looks back over `kSpan`. Bounded: samples closer than
/// `kSpacing` replace each other.
class RateMeter {
 public:
  void sample(TimePoint now, double total) {
    if (samples_.size() >= 2 && now - samples_[samples_.size() - 2].at < kSpacing) {
      samples_.back() = {now, total};
    } else {
      samples_.push_back({now, total});
    }
    while (samples_.size() > 2 && now - samples_[1].at >= kSpan) samples_.pop_front();
  }

  /// 0 until two samples lie apart in time.
  double per_second() const {
    if (samples_.size() < 2) return 0;
    const std::chrono::duration<double> span = samples_.back().at - samples_.front().at;
    return span.count() > 0 ? (samples_.back().total - samples_.front().total) / span.count() : 0;
  }

 private:
  static constexpr Duration kSpan = std::chrono::seconds{5};
  static constexpr Duration kSpacing = std::chrono::milliseconds{100};

  struct Sample {
    TimePoint at;
    double total;
  };
  std::deque<Sample> samples_;
};

}  // namespace brigade::daemon

#include "swarm/staleness_meter.hpp"

#include <algorithm>
#include <cmath>

#include "base/limits.hpp"

namespace brigade::swarm {

StalenessMeter::StalenessMeter(const Options& options)
    : accumulate_(options.accumulate),
      follows_(options.accumulate_follows && options.schedule == Schedule::kAsync) {
  if (options.schedule == Schedule::kAsync) {
    nominal_delay_ = options.stages - 1 - options.stage.value();
    nominal_staleness_ = nominal_delay_ / options.accumulate;
  }
  restart();
}

void StalenessMeter::restart() {
  delay_ = nominal_delay_;
  staleness_ = nominal_staleness_;
  staleness_max_ = 0;
  histogram_.fill(0);
}

void StalenessMeter::note(std::uint64_t delay_microbatches, std::uint64_t staleness_updates) {
  const auto delay = static_cast<double>(delay_microbatches);
  const auto staleness = static_cast<double>(staleness_updates);
  delay_ = kPast * delay_ + (1 - kPast) * delay;
  staleness_ = kPast * staleness_ + (1 - kPast) * staleness;
  staleness_max_ = std::max(staleness_max_, staleness);
  histogram_[std::min<std::uint64_t>(staleness_updates, kStalenessPlaces - 1)] += 1;
}

std::uint32_t StalenessMeter::microbatches_an_update() const {
  if (!follows_) return accumulate_;
  constexpr double kSettled = 0.05;  // a mean that only approaches its value
  const double wanted = std::ceil(delay_ - kSettled);
  if (wanted >= limits::kMaxAccumulate) return limits::kMaxAccumulate;
  return wanted > accumulate_ ? static_cast<std::uint32_t>(wanted) : accumulate_;
}

}  // namespace brigade::swarm

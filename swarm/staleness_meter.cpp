#include "swarm/staleness_meter.hpp"

#include <algorithm>

namespace brigade::swarm {

StalenessMeter::StalenessMeter(const Options& options) {
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
}

void StalenessMeter::note(std::uint64_t delay_microbatches, std::uint64_t staleness_updates) {
  const auto delay = static_cast<double>(delay_microbatches);
  const auto staleness = static_cast<double>(staleness_updates);
  delay_ = kPast * delay_ + (1 - kPast) * delay;
  staleness_ = kPast * staleness_ + (1 - kPast) * staleness;
  staleness_max_ = std::max(staleness_max_, staleness);
}

}  // namespace brigade::swarm

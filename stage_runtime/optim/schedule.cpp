#include "stage_runtime/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace brigade::stage {

double scheduled_rate(const MethodSettings& settings, std::uint64_t update) {
  const double peak = settings.learning_rate;
  const double start = std::min(settings.warmup_start, peak);
  const auto warmup = static_cast<double>(settings.warmup_updates);
  const auto u = static_cast<double>(update);
  if (u < warmup) return start + (peak - start) * (1.0 + u) / warmup;

  const auto total = static_cast<double>(settings.total_updates);
  const double progress = total > warmup ? std::min((u - warmup) / (total - warmup), 1.0) : 1.0;
  const double floor = peak * settings.final_ratio;
  return floor + (peak - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace brigade::stage

#include <algorithm>
#include <cmath>

#include "stage_runtime/method/method.hpp"

namespace brigade::stage {

double plain_beta1(const MethodSettings& settings, std::uint32_t, const Delay&) {
  return settings.beta1;
}

/// β1_i = min(b + δ_i (0.99 − b)/P, 0.99)
double stage_beta1(const MethodSettings& settings, std::uint32_t stages, const Delay& delay) {
  const double room = settings.beta1_max - settings.beta1;
  return std::min(settings.beta1 + delay.microbatches * room / stages, settings.beta1_max);
}

double no_divisor(const MethodSettings&, const Delay&, std::uint64_t) {
  return 1.0;
}

/// max(τ_i, 1)^(1 − min((u+1)/T, 1)): full correction at first, none from update T on.
double annealed_divisor(const MethodSettings& settings, const Delay& delay, std::uint64_t update) {
  const auto horizon = static_cast<double>(std::max<std::uint64_t>(settings.correction_updates, 1));
  const double done = std::min((static_cast<double>(update) + 1.0) / horizon, 1.0);
  return std::pow(std::max(delay.updates, 1.0), 1.0 - done);
}

/// sqrt(max(τ_i, 1)), for the whole run.
double root_divisor(const MethodSettings&, const Delay& delay, std::uint64_t) {
  return std::sqrt(std::max(delay.updates, 1.0));
}

OptimizerKind optimizer_of(const Method& method, const MethodSettings& settings) {
  const bool may_choose = method.update == UpdatePolicy::kFlush;
  return may_choose && settings.optimizer == "muon" ? OptimizerKind::kMuon : method.optimizer;
}

Delay effective_delay(const MethodSettings& settings, const Slice& slice,
                      const UpdateOrder& order) {
  const double accumulate = std::max<std::uint32_t>(settings.accumulate, 1);
  switch (settings.tau_source) {
    case TauSource::kMeasured:
      return {order.delay_microbatches, order.staleness_updates};
    case TauSource::kFixed:
      return {settings.tau_fixed * accumulate, settings.tau_fixed};
    case TauSource::kNominal:
      break;
  }
  const double nominal = slice.stages - 1 - slice.stage;
  return {nominal, nominal / accumulate};
}

}  // namespace brigade::stage

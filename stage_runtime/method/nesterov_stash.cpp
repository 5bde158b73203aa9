// NAdam with β1 = 0.99 throughout; every backward reads the weights of its own forward.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {
namespace {

double largest_beta1(const MethodSettings& settings, std::uint32_t, const Delay&) {
  return settings.beta1_max;
}

}  // namespace

const Method kNesterovStash{.name = "nesterov-stash",
                            .optimizer = OptimizerKind::kNadam,
                            .weights = WeightsPolicy::kForward,
                            .update = UpdatePolicy::kAsynchronous,
                            .beta1 = largest_beta1,
                            .rate_divisor = no_divisor};

}  // namespace brigade::stage

// No weight stash (arXiv 2505.01099): the stale point acts as Nesterov's look-ahead point. NAdam
// with a momentum that grows with the stage's delay, and a learning rate that starts divided by it.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kNesterov{.name = "nesterov",
                       .optimizer = OptimizerKind::kNadam,
                       .weights = WeightsPolicy::kNewest,
                       .update = UpdatePolicy::kAsynchronous,
                       .beta1 = stage_beta1,
                       .rate_divisor = annealed_divisor};

}  // namespace brigade::stage

// PACI (arXiv 2606.07881): K at least the delay, so that at most one update lies between a forward
// and its backward. The method itself is plain AdamW; K is the run's `accumulate`.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kPaci{.name = "paci",
                   .optimizer = OptimizerKind::kAdamW,
                   .weights = WeightsPolicy::kNewest,
                   .update = UpdatePolicy::kAsynchronous,
                   .beta1 = plain_beta1,
                   .rate_divisor = no_divisor};

}  // namespace brigade::stage

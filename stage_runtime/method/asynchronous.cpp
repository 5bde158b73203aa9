// The baseline without correction: AdamW on whatever the newest weights are.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kAsync{.name = "async",
                    .optimizer = OptimizerKind::kAdamW,
                    .weights = WeightsPolicy::kNewest,
                    .update = UpdatePolicy::kAsynchronous,
                    .beta1 = plain_beta1,
                    .rate_divisor = no_divisor};

}  // namespace brigade::stage

// PipeMare: AdamW, the learning rate divided by the delay at first and less and less later.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kPipemare{.name = "pipemare",
                       .optimizer = OptimizerKind::kAdamW,
                       .weights = WeightsPolicy::kNewest,
                       .update = UpdatePolicy::kAsynchronous,
                       .beta1 = plain_beta1,
                       .rate_divisor = annealed_divisor};

}  // namespace brigade::stage

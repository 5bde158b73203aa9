// PipeDream: AdamW; every backward reads the weights of its own forward, τ + 1 versions of them.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kPipedream{.name = "pipedream",
                        .optimizer = OptimizerKind::kAdamW,
                        .weights = WeightsPolicy::kForward,
                        .update = UpdatePolicy::kAsynchronous,
                        .beta1 = plain_beta1,
                        .rate_divisor = no_divisor};

}  // namespace brigade::stage

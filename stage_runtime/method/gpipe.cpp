// Synchronous: M micro-batches forward, all backward, one update. 1f1b gives the same numbers; only
// the order of forwards and backwards differs, and the order is the line's business.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kGpipe{.name = "gpipe",
                    .optimizer = OptimizerKind::kAdamW,
                    .weights = WeightsPolicy::kNewest,
                    .update = UpdatePolicy::kFlush,
                    .beta1 = plain_beta1,
                    .rate_divisor = no_divisor};

const Method kOneForwardOneBackward{.name = "1f1b",
                                    .optimizer = OptimizerKind::kAdamW,
                                    .weights = WeightsPolicy::kNewest,
                                    .update = UpdatePolicy::kFlush,
                                    .beta1 = plain_beta1,
                                    .rate_divisor = no_divisor};

}  // namespace brigade::stage

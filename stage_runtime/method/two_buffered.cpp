// PipeDream-2BW: groups of K ≥ P micro-batches; forward and backward of a group read the version
// that the group before the last left, so that two versions are enough.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kTwoBuffered{.name = "2bw",
                          .optimizer = OptimizerKind::kAdamW,
                          .weights = WeightsPolicy::kGroupBefore,
                          .update = UpdatePolicy::kAsynchronous,
                          .beta1 = plain_beta1,
                          .rate_divisor = no_divisor};

}  // namespace brigade::stage

// Beyond the papers: orthogonalised momentum, which loses far less to delay than a coordinate's
// own scale does, under the same rules: one version of the weights, a momentum that grows with the
// delay, a forward that looks as far ahead as its gradient will be late.
#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {

const Method kNesterovMuon{.name = "nesterov-muon",
                           .optimizer = OptimizerKind::kMuon,
                           .weights = WeightsPolicy::kNewest,
                           .update = UpdatePolicy::kAsynchronous,
                           .beta1 = stage_beta1,
                           .rate_divisor = root_divisor};

}  // namespace brigade::stage

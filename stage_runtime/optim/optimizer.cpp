#include "stage_runtime/optim/optimizer.hpp"

#include "stage_runtime/optim/adam.hpp"
#include "stage_runtime/optim/muon_optimizer.hpp"

namespace brigade::stage {
namespace {

/// AdamW and NAdam: one pass over everything.
class AdamOptimizer final : public Optimizer {
 public:
  AdamOptimizer(OptimizerKind kind, Arena& arena, Device& device)
      : kind_(kind), arena_(arena), device_(device) {}

  Result<> step(const StepSettings& settings, OptimizerCounters& counters) override {
    const AdamStep step = kind_ == OptimizerKind::kNadam ? nadam_scalars(settings, counters)
                                                         : adamw_scalars(settings, counters);
    return device_.adam(arena_.weights, arena_.gradients, arena_.moments[0], arena_.moments[1],
                        arena_.shadow, step);
  }

 private:
  OptimizerKind kind_;
  Arena& arena_;
  Device& device_;
};

}  // namespace

std::unique_ptr<Optimizer> Optimizer::make(const MethodSettings& settings, OptimizerKind kind,
                                           const Layout& layout, Arena& arena, Device& device) {
  if (kind == OptimizerKind::kMuon) {
    return std::make_unique<MuonOptimizer>(settings, layout, arena, device);
  }
  return std::make_unique<AdamOptimizer>(kind, arena, device);
}

}  // namespace brigade::stage

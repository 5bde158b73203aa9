#include "stage_runtime/optim/optimizer.hpp"

#include <ATen/ops/add.h>
#include <ATen/ops/div.h>
#include <ATen/ops/sqrt.h>

#include "stage_runtime/optim/adam.hpp"
#include "stage_runtime/optim/muon.hpp"
#include "stage_runtime/optim/muon_optimizer.hpp"

namespace brigade::stage {
namespace {

/// AdamW and NAdam: one pass over everything.
class AdamOptimizer final : public Optimizer {
 public:
  AdamOptimizer(const MethodSettings& settings, OptimizerKind kind, Arena& arena, Device& device)
      : settings_(settings), kind_(kind), arena_(arena), device_(device) {}

  Result<> step(const StepSettings& settings, OptimizerCounters& counters) override {
    const AdamStep step = kind_ == OptimizerKind::kNadam ? nadam_scalars(settings, counters)
                                                         : adamw_scalars(settings, counters);
    return device_.adam(arena_.weights, arena_.gradients, arena_.moments[0], arena_.moments[1],
                        arena_.shadow, step);
  }

  at::Tensor momentum_direction(const OptimizerCounters& counters,
                                std::int64_t stride) const override {
    const std::int64_t size = arena_.weights.numel();
    return along_moments(arena_.moments[0].slice(0, 0, size, stride),
                         arena_.moments[1].slice(0, 0, size, stride), counters, settings_);
  }

 private:
  MethodSettings settings_;
  OptimizerKind kind_;
  Arena& arena_;
  Device& device_;
};

}  // namespace

at::Tensor Optimizer::along_moments(const at::Tensor& first, const at::Tensor& second,
                                    const OptimizerCounters& counters,
                                    const MethodSettings& settings) {
  const MomentShift scalars = moment_shift_scalars(counters, settings.beta2, settings.epsilon, 1);
  const at::Tensor denominator = second.sqrt().mul_(scalars.inverse_sqrt_bias2);
  return at::div(first, denominator.add_(scalars.epsilon)).neg_();
}

std::unique_ptr<Optimizer> Optimizer::make(const MethodSettings& settings, OptimizerKind kind,
                                           const Layout& layout, Arena& arena, Device& device) {
  if (kind == OptimizerKind::kMuon) {
    return std::make_unique<MuonOptimizer>(settings, layout, arena, device);
  }
  return std::make_unique<AdamOptimizer>(settings, kind, arena, device);
}

}  // namespace brigade::stage

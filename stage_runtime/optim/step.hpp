// What every optimiser is given for one step, and what it remembers beside its moments.
#pragma once

#include <cstdint>

namespace brigade::stage {

struct StepSettings {
  double learning_rate = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 0;  // ψ, NAdam only
  double gradient_scale = 1;
  double look_ahead = 0;  // s·τ, Muon only: steps that a forward is to look ahead
};

struct OptimizerCounters {
  std::uint64_t steps = 0;   // t
  double beta1_product = 1;  // Π β1_s: β1^t where β1 is constant
  double mu_product = 1;     // M_t = Π μ_s of NAdam
  double ahead = 0;          // s·τ·η of the newest step of Muon
};

}  // namespace brigade::stage

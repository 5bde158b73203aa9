// The passes of `nesterov-muon` (docs/method.md) over contiguous memory: momentum whose direction
// is orthogonalised between two of them (newton_schulz.hpp), and Nesterov's Adam for everything
// that is no matrix. Plain C++ like adam.hpp, with the same promise of equal bits everywhere.
#pragma once

#include <cstddef>

#include "stage_runtime/optim/step.hpp"

namespace brigade::stage {

/// g' = gradient_scale · g;  m = beta·m + (1−beta)·g';  look = beta·m + (1−beta)·g';  g = 0
struct MomentumStep {
  float gradient_scale = 1;
  float beta = 0;
  float one_minus_beta = 1;
};
/// `look` may be null: the direction of before is kept.
void momentum_pass(float* m, float* g, float* look, std::size_t count, const MomentumStep& step);

/// p = decay·p − distance·direction
void direction_pass(float* p, const float* direction, std::size_t count, float decay,
                    float distance);

/// m and v as in adam.hpp;  den = sqrt(v)·inverse_sqrt_bias2 + epsilon
/// p = decay·p − rate·(beta·m + (1−beta)·g') / den;  rate = η / (1 − Π β)
struct NesterovAdamStep {
  MomentumStep momentum;
  float beta2 = 0;
  float one_minus_beta2 = 1;
  float inverse_sqrt_bias2 = 1;
  float epsilon = 0;
  float decay = 1;
  float rate = 0;
};
void nesterov_adam_pass(float* p, float* g, float* m, float* v, std::size_t count,
                        const NesterovAdamStep& step);

/// p = p − distance·m / den: where those parameters are going.
struct MomentShift {
  float distance = 0;  // s·τ·η / (1 − Π β)
  float inverse_sqrt_bias2 = 1;
  float epsilon = 0;
};
void moment_shift_pass(float* p, const float* m, const float* v, std::size_t count,
                       const MomentShift& shift);

/// Scalars of one step, prepared in double; counts it.
NesterovAdamStep nesterov_adam_scalars(const StepSettings& settings, OptimizerCounters& counters);
/// Of the look-ahead after that step; `direction` −1 undoes it.
MomentShift moment_shift_scalars(const OptimizerCounters& counters, double beta2, double epsilon,
                                 double direction);

}  // namespace brigade::stage

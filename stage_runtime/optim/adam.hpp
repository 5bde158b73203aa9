// AdamW and NAdam as one fused pass over flat buffers. Plain C++, compiled once for each of
// AVX-512, AVX2 and the baseline and chosen at load time; without contraction into fused
// multiply-adds, so that every machine computes the same bits.
#pragma once

#include <cstddef>

#include "stage_runtime/optim/step.hpp"

namespace brigade::stage {

/// One step, its scalars prepared in double. gradient_scale is the mean over the micro-batches and
/// the clipping in one factor; decay = 1 − lr·λ.
///
///     g'  = gradient_scale · g
///     p   = p · decay
///     m   = beta1·m + (1−beta1)·g'
///     v   = beta2·v + (1−beta2)·g'²
///     den = sqrt(v)·inverse_sqrt_bias2 + epsilon
///     p  −= (gradient_step·g' + momentum_step·m) / den
///
/// The CUDA kernels take the same numbers (cuda/kernels.h).
struct AdamStep {
  float gradient_scale = 1;
  float decay = 1;
  float beta1 = 0;
  float beta2 = 0;
  float one_minus_beta1 = 1;  // from double: 1 − 0.999 in float is off by 1e-5 of itself
  float one_minus_beta2 = 1;
  float inverse_sqrt_bias2 = 1;
  float epsilon = 0;
  float gradient_step = 0;
  float momentum_step = 0;
};

/// Decoupled weight decay; bias correction of both moments (as torch.optim.AdamW).
AdamStep adamw_scalars(const StepSettings& settings, OptimizerCounters& counters);

/// docs/method.md (as torch.optim.NAdam with decoupled weight decay): gradient_step =
/// lr(1−μ_t)/(1−M_t), momentum_step = lr·μ_{t+1}/(1−M_t·μ_{t+1}); m is not divided by 1−β1^t.
AdamStep nadam_scalars(const StepSettings& settings, OptimizerCounters& counters);

/// Reads p, g, m, v; writes p, m, v and sets g to zero.
void adam_pass(float* p, float* g, float* m, float* v, std::size_t count, const AdamStep& step);

/// Σ g², in double and in a fixed order; not finite if an element is not.
double sum_of_squares(const float* g, std::size_t count);

}  // namespace brigade::stage

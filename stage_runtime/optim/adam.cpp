#include "stage_runtime/optim/adam.hpp"

#include <array>
#include <cmath>

#include "base/check.hpp"
#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage {
namespace {

AdamStep common_scalars(const StepSettings& settings, OptimizerCounters& counters) {
  counters.steps += 1;
  counters.beta1_product *= settings.beta1;
  const double bias2 = 1.0 - std::pow(settings.beta2, static_cast<double>(counters.steps));
  BRIGADE_CHECK(bias2 > 0);
  AdamStep step;
  step.gradient_scale = static_cast<float>(settings.gradient_scale);
  step.decay = static_cast<float>(1.0 - settings.learning_rate * settings.weight_decay);
  step.beta1 = static_cast<float>(settings.beta1);
  step.beta2 = static_cast<float>(settings.beta2);
  step.one_minus_beta1 = static_cast<float>(1.0 - settings.beta1);
  step.one_minus_beta2 = static_cast<float>(1.0 - settings.beta2);
  step.inverse_sqrt_bias2 = static_cast<float>(1.0 / std::sqrt(bias2));
  step.epsilon = static_cast<float>(settings.epsilon);
  return step;
}

/// μ_t = β1 (1 − ½·0.96^{tψ}); 0.96 is the constant of Dozat's paper and of torch.
double nadam_mu(const StepSettings& settings, std::uint64_t t) {
  const double exponent = static_cast<double>(t) * settings.momentum_decay;
  return settings.beta1 * (1.0 - 0.5 * std::pow(0.96, exponent));
}

}  // namespace

AdamStep adamw_scalars(const StepSettings& settings, OptimizerCounters& counters) {
  AdamStep step = common_scalars(settings, counters);
  step.momentum_step = static_cast<float>(settings.learning_rate / (1.0 - counters.beta1_product));
  return step;
}

AdamStep nadam_scalars(const StepSettings& settings, OptimizerCounters& counters) {
  AdamStep step = common_scalars(settings, counters);
  const double mu = nadam_mu(settings, counters.steps);
  const double mu_next = nadam_mu(settings, counters.steps + 1);
  counters.mu_product *= mu;
  const double lr = settings.learning_rate;
  step.gradient_step = static_cast<float>(lr * (1.0 - mu) / (1.0 - counters.mu_product));
  step.momentum_step = static_cast<float>(lr * mu_next / (1.0 - counters.mu_product * mu_next));
  return step;
}

BRIGADE_VECTOR_CLONES
void adam_pass(float* __restrict p, float* __restrict g, float* __restrict m, float* __restrict v,
               std::size_t count, const AdamStep& step) {
  const AdamStep s = step;
  for (std::size_t i = 0; i < count; ++i) {
    const float gradient = s.gradient_scale * g[i];
    const float first = s.beta1 * m[i] + s.one_minus_beta1 * gradient;
    const float second = s.beta2 * v[i] + s.one_minus_beta2 * gradient * gradient;
    const float denominator = std::sqrt(second) * s.inverse_sqrt_bias2 + s.epsilon;
    const float direction = s.gradient_step * gradient + s.momentum_step * first;
    p[i] = p[i] * s.decay - direction / denominator;
    m[i] = first;
    v[i] = second;
    g[i] = 0.0F;
  }
}

BRIGADE_VECTOR_CLONES
double sum_of_squares(const float* g, std::size_t count) {
  constexpr std::size_t kLanes = 16;
  std::array<double, kLanes> lanes{};
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = g[i + lane];
      lanes[lane] += value * value;
    }
  }
  double sum = 0;
  for (std::size_t i = whole; i < count; ++i) sum += static_cast<double>(g[i]) * g[i];
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace brigade::stage

#include "stage_runtime/optim/muon.hpp"

#include <cmath>

#include "base/check.hpp"
#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage {
namespace {

double inverse_sqrt_bias2(double beta2, std::uint64_t steps) {
  const double bias2 = 1.0 - std::pow(beta2, static_cast<double>(steps));
  BRIGADE_CHECK(bias2 > 0);
  return 1.0 / std::sqrt(bias2);
}

}  // namespace

NesterovAdamStep nesterov_adam_scalars(const StepSettings& settings, OptimizerCounters& counters) {
  counters.steps += 1;
  counters.beta1_product *= settings.beta1;
  counters.ahead = settings.look_ahead * settings.learning_rate;
  NesterovAdamStep step;
  step.momentum = {.gradient_scale = static_cast<float>(settings.gradient_scale),
                   .beta = static_cast<float>(settings.beta1),
                   .one_minus_beta = static_cast<float>(1.0 - settings.beta1)};
  step.beta2 = static_cast<float>(settings.beta2);
  step.one_minus_beta2 = static_cast<float>(1.0 - settings.beta2);
  step.inverse_sqrt_bias2 = static_cast<float>(inverse_sqrt_bias2(settings.beta2, counters.steps));
  step.epsilon = static_cast<float>(settings.epsilon);
  step.decay = static_cast<float>(1.0 - settings.learning_rate * settings.weight_decay);
  step.rate = static_cast<float>(settings.learning_rate / (1.0 - counters.beta1_product));
  return step;
}

MomentShift moment_shift_scalars(const OptimizerCounters& counters, double beta2, double epsilon,
                                 double direction) {
  BRIGADE_CHECK(counters.steps > 0, "nowhere to look before the first step");
  return {
      .distance = static_cast<float>(direction * counters.ahead / (1.0 - counters.beta1_product)),
      .inverse_sqrt_bias2 = static_cast<float>(inverse_sqrt_bias2(beta2, counters.steps)),
      .epsilon = static_cast<float>(epsilon)};
}

namespace {

BRIGADE_VECTOR_CLONES
void momentum_and_look(float* __restrict m, float* __restrict g, float* __restrict look,
                       std::size_t count, const MomentumStep& step) {
  const MomentumStep s = step;
  for (std::size_t i = 0; i < count; ++i) {
    const float fresh = s.one_minus_beta * (s.gradient_scale * g[i]);
    const float momentum = s.beta * m[i] + fresh;
    look[i] = s.beta * momentum + fresh;
    m[i] = momentum;
    g[i] = 0.0F;
  }
}

BRIGADE_VECTOR_CLONES
void momentum_alone(float* __restrict m, float* __restrict g, std::size_t count,
                    const MomentumStep& step) {
  const MomentumStep s = step;
  for (std::size_t i = 0; i < count; ++i) {
    m[i] = s.beta * m[i] + s.one_minus_beta * (s.gradient_scale * g[i]);
    g[i] = 0.0F;
  }
}

}  // namespace

void momentum_pass(float* m, float* g, float* look, std::size_t count, const MomentumStep& step) {
  if (look != nullptr) {
    momentum_and_look(m, g, look, count, step);
  } else {
    momentum_alone(m, g, count, step);
  }
}

BRIGADE_VECTOR_CLONES
void direction_pass(float* __restrict p, const float* __restrict direction, std::size_t count,
                    float decay, float distance) {
  for (std::size_t i = 0; i < count; ++i) p[i] = decay * p[i] - distance * direction[i];
}

BRIGADE_VECTOR_CLONES
void nesterov_adam_pass(float* __restrict p, float* __restrict g, float* __restrict m,
                        float* __restrict v, std::size_t count, const NesterovAdamStep& step) {
  const NesterovAdamStep s = step;
  for (std::size_t i = 0; i < count; ++i) {
    const float gradient = s.momentum.gradient_scale * g[i];
    const float fresh = s.momentum.one_minus_beta * gradient;
    const float first = s.momentum.beta * m[i] + fresh;
    const float second = s.beta2 * v[i] + s.one_minus_beta2 * gradient * gradient;
    const float denominator = std::sqrt(second) * s.inverse_sqrt_bias2 + s.epsilon;
    p[i] = s.decay * p[i] - s.rate * (s.momentum.beta * first + fresh) / denominator;
    m[i] = first;
    v[i] = second;
    g[i] = 0.0F;
  }
}

BRIGADE_VECTOR_CLONES
void moment_shift_pass(float* __restrict p, const float* __restrict m, const float* __restrict v,
                       std::size_t count, const MomentShift& shift) {
  const MomentShift s = shift;
  for (std::size_t i = 0; i < count; ++i) {
    const float denominator = std::sqrt(v[i]) * s.inverse_sqrt_bias2 + s.epsilon;
    p[i] -= s.distance * m[i] / denominator;
  }
}

}  // namespace brigade::stage

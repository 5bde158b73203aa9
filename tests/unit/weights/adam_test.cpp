#include "stage_runtime/optim/adam.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

namespace brigade::stage {
namespace {

std::vector<float> random_values(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
  return values;
}

/// METHOD's formulas in double, one element at a time; nothing shared with the product.
struct NaiveElement {
  double p = 0, m = 0, v = 0, mu_product = 1;

  void nadam(double g, const StepSettings& s, int t) {
    p -= s.learning_rate * s.weight_decay * p;
    const double mu = s.beta1 * (1 - 0.5 * std::pow(0.96, t * s.momentum_decay));
    const double mu_next = s.beta1 * (1 - 0.5 * std::pow(0.96, (t + 1) * s.momentum_decay));
    mu_product *= mu;
    m = s.beta1 * m + (1 - s.beta1) * g;
    v = s.beta2 * v + (1 - s.beta2) * g * g;
    const double den = std::sqrt(v / (1 - std::pow(s.beta2, t))) + s.epsilon;
    p -= s.learning_rate * (1 - mu) / (1 - mu_product) * g / den;
    p -= s.learning_rate * mu_next / (1 - mu_product * mu_next) * m / den;
  }
  void adamw(double g, const StepSettings& s, int t) {
    p -= s.learning_rate * s.weight_decay * p;
    m = s.beta1 * m + (1 - s.beta1) * g;
    v = s.beta2 * v + (1 - s.beta2) * g * g;
    const double den = std::sqrt(v / (1 - std::pow(s.beta2, t))) + s.epsilon;
    p -= s.learning_rate * m / (1 - std::pow(s.beta1, t)) / den;
  }
};

constexpr std::size_t kSize = 1037;  // no multiple of any vector's width
constexpr int kSteps = 30;

template <class Naive, class Scalars>
double largest_error(const Naive& naive_step, const Scalars& scalars) {
  std::vector<float> p = random_values(kSize, 1);
  std::vector<float> m(kSize);
  std::vector<float> v(kSize);
  std::vector<NaiveElement> naive(kSize);
  for (std::size_t i = 0; i < kSize; ++i) naive[i].p = p[i];
  OptimizerCounters counters;
  for (int t = 1; t <= kSteps; ++t) {
    const StepSettings settings{.learning_rate = 1e-3 * t,
                                .beta1 = 0.9 + 0.003 * t,
                                .beta2 = 0.999,
                                .epsilon = 1e-8,
                                .weight_decay = 0.01,
                                .momentum_decay = 0.004,
                                .gradient_scale = 0.25};
    std::vector<float> g = random_values(kSize, static_cast<std::uint64_t>(t) + 100);
    for (std::size_t i = 0; i < kSize; ++i) naive_step(naive[i], 0.25 * g[i], settings, t);
    adam_pass(p.data(), g.data(), m.data(), v.data(), kSize, scalars(settings, counters));
    for (const float value : g) REQUIRE(value == 0.0F);
  }
  double worst = 0;
  for (std::size_t i = 0; i < kSize; ++i) worst = std::max(worst, std::abs(p[i] - naive[i].p));
  return worst;
}

}  // namespace

TEST_CASE("NAdam follows the method's formulas while momentum and rate change") {
  const double error =
      largest_error([](NaiveElement& element, double g, const StepSettings& settings,
                       int t) { element.nadam(g, settings, t); },
                    nadam_scalars);
  CHECK(error < 2e-6);
}

TEST_CASE("AdamW follows the method's formulas") {
  // The naive form takes β1^t; the product takes Π β1, the same where β1 is constant.
  const double error = largest_error(
      [](NaiveElement& element, double g, StepSettings settings, int t) {
        settings.beta1 = 0.9;
        element.adamw(g, settings, t);
      },
      [](StepSettings settings, OptimizerCounters& counters) {
        settings.beta1 = 0.9;
        return adamw_scalars(settings, counters);
      });
  CHECK(error < 2e-6);
}

TEST_CASE("a parameter that never had a gradient only decays") {
  std::vector<float> p{1.0F};
  std::vector<float> g{0.0F};
  std::vector<float> m{0.0F};
  std::vector<float> v{0.0F};
  OptimizerCounters counters;
  const StepSettings settings{.learning_rate = 0.1, .weight_decay = 0.01};
  adam_pass(p.data(), g.data(), m.data(), v.data(), 1, nadam_scalars(settings, counters));
  CHECK(p[0] == Approx(0.999));
}

TEST_CASE("zeros stay zero, so that gaps between parameters do") {
  std::vector<float> buffers(4 * 16);
  OptimizerCounters counters;
  const StepSettings settings{.learning_rate = 0.1, .weight_decay = 0.01, .momentum_decay = 0.004};
  for (int t = 0; t < 5; ++t) {
    adam_pass(buffers.data(), buffers.data() + 16, buffers.data() + 32, buffers.data() + 48, 16,
              nadam_scalars(settings, counters));
  }
  for (const float value : buffers) CHECK(value == 0.0F);
}

TEST_CASE("one pass over a buffer equals passes over its parts, bit for bit") {
  std::vector<float> once = random_values(kSize, 5);
  std::vector<float> parts = once;
  std::vector<float> m1(kSize), v1(kSize), m2(kSize), v2(kSize);
  std::vector<float> g1 = random_values(kSize, 6);
  std::vector<float> g2 = g1;
  OptimizerCounters counters;
  const AdamStep step = nadam_scalars({.learning_rate = 0.01, .momentum_decay = 0.004}, counters);
  adam_pass(once.data(), g1.data(), m1.data(), v1.data(), kSize, step);
  for (std::size_t begin = 0; begin < kSize; begin += 19) {
    const std::size_t size = std::min<std::size_t>(19, kSize - begin);
    adam_pass(parts.data() + begin, g2.data() + begin, m2.data() + begin, v2.data() + begin, size,
              step);
  }
  CHECK(once == parts);
  CHECK(m1 == m2);
  CHECK(v1 == v2);
}

TEST_CASE("the sum of squares is right and tells of a value that is not finite") {
  std::vector<float> g = random_values(kSize, 9);
  double expected = 0;
  for (const float value : g) expected += static_cast<double>(value) * value;
  CHECK(sum_of_squares(g.data(), g.size()) == Approx(expected).epsilon(1e-14));
  CHECK(sum_of_squares(g.data(), 0) == 0.0);
  for (const std::size_t at : {std::size_t{0}, kSize / 2, kSize - 1}) {
    std::vector<float> bad = g;
    bad[at] = std::numeric_limits<float>::quiet_NaN();
    CHECK(!std::isfinite(sum_of_squares(bad.data(), bad.size())));
    bad[at] = std::numeric_limits<float>::infinity();
    CHECK(!std::isfinite(sum_of_squares(bad.data(), bad.size())));
  }
}

}  // namespace brigade::stage

#include "stage_runtime/tools/sampler.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "tests/catch.hpp"

using namespace brigade;
using namespace brigade::stage;

namespace {

std::map<std::int32_t, int> draw(const std::vector<float>& scores, const SamplingOptions& options,
                                 int times) {
  Random random(11);
  std::map<std::int32_t, int> counts;
  for (int round = 0; round < times; ++round) {
    ++counts[sample_token(scores, options, random).value()];
  }
  return counts;
}

}  // namespace

TEST_CASE("temperature 0 takes the likeliest token, of equals the first") {
  CHECK(draw({0.0F, 2.0F, 1.0F}, {.temperature = 0}, 5) == std::map<std::int32_t, int>{{1, 5}});
  CHECK(draw({3.0F, 3.0F}, {.temperature = 0}, 5) == std::map<std::int32_t, int>{{0, 5}});
}

TEST_CASE("tokens are drawn as often as their probability says") {
  const auto counts = draw({0.0F, std::log(3.0F)}, {.temperature = 1}, 20'000);
  CHECK(counts.at(1) / 20'000.0 == Approx(0.75).margin(0.02));
}

TEST_CASE("a low temperature sharpens and a high one flattens") {
  const std::vector<float> scores{0.0F, 1.0F};
  CHECK(draw(scores, {.temperature = 0.1}, 2000)[1] > 1990);
  CHECK(draw(scores, {.temperature = 100}, 2000)[1] < 1100);
}

TEST_CASE("only the K likeliest tokens are ever drawn") {
  const auto counts = draw({0.0F, 1.0F, 2.0F, 0.5F}, {.temperature = 1, .top_k = 2}, 2000);
  CHECK(counts.size() == 2);
  CHECK(counts.contains(1));
  CHECK(counts.contains(2));
  CHECK(draw({0.0F, 1.0F}, {.temperature = 1, .top_k = 9}, 2000).size() == 2);
}

TEST_CASE("huge scores do not overflow") {
  CHECK(draw({1e30F, -1e30F}, {.temperature = 1e-3}, 10) == std::map<std::int32_t, int>{{0, 10}});
}

TEST_CASE("scores of a diverged model are refused") {
  Random random(1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_FALSE(sample_token(std::vector<float>{0, nan}, {}, random));
  CHECK_FALSE(sample_token(std::vector<float>{0, infinity}, {}, random));
  CHECK_FALSE(sample_token({}, {}, random));
}

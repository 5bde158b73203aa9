#include "sim/models.hpp"

#include <algorithm>
#include <vector>

#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

using std::chrono::milliseconds;

std::vector<Duration> samples(const Distribution& distribution, std::uint64_t seed) {
  Random random(seed);
  std::vector<Duration> list;
  for (int i = 0; i < 10'000; ++i) list.push_back(distribution.sample(random));
  std::sort(list.begin(), list.end());
  return list;
}

TEST_CASE("a constant is a constant") {
  const auto list = samples(constant(milliseconds{3}), 1);
  CHECK(list.front() == milliseconds{3});
  CHECK(list.back() == milliseconds{3});
}

TEST_CASE("a uniform distribution stays within its bounds and fills them") {
  const auto list = samples(uniform(milliseconds{5}, milliseconds{10}), 1);
  CHECK(list.front() >= milliseconds{5});
  CHECK(list.back() < milliseconds{15});
  CHECK(list[1000] < milliseconds{7});
  CHECK(list[9000] > milliseconds{13});
}

TEST_CASE("a long tail has its median at base + spread and reaches far beyond") {
  const auto list = samples(long_tail(milliseconds{5}, milliseconds{10}), 1);
  CHECK(list.front() >= milliseconds{5});
  CHECK(list[5000] > milliseconds{14});
  CHECK(list[5000] < milliseconds{16});
  CHECK(list[9990] > milliseconds{100});
  CHECK(list.back() <= milliseconds{5} + 30 * milliseconds{10});
}

TEST_CASE("the same seed gives the same samples") {
  const Distribution distribution = long_tail(milliseconds{1}, milliseconds{1});
  CHECK(samples(distribution, 42) == samples(distribution, 42));
  CHECK(samples(distribution, 42) != samples(distribution, 43));
}

}  // namespace
}  // namespace brigade::sim

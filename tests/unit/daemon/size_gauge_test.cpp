#include "daemon/size_gauge.hpp"

#include <cmath>
#include <limits>

#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

/// One that has seen enough, of tensors of this size.
SizeGauge learned(double size) {
  SizeGauge gauge;
  for (std::size_t i = 0; i < SizeGauge::kLearned; ++i) REQUIRE_FALSE(gauge.refuse(size));
  return gauge;
}

TEST_CASE("a tensor far beyond what is usual is refused, with both sizes in the reason") {
  SizeGauge gauge = learned(0.5);
  CHECK_FALSE(gauge.refuse(0.5 * 0.99 * SizeGauge::kMostRatio));
  const auto refused = gauge.refuse(0.6 * SizeGauge::kMostRatio);
  REQUIRE(refused);
  CHECK(refused->find("600") != std::string::npos);
  CHECK(refused->find("exploded") != std::string::npos);
  CHECK_FALSE(gauge.refuse(1e-9));  // small ones do no harm
}

TEST_CASE("before it knows what is usual it refuses what could overflow") {
  SizeGauge gauge;
  CHECK_FALSE(gauge.refuse(0.9 * SizeGauge::kMost));
  CHECK(gauge.refuse(1.1 * SizeGauge::kMost));
  CHECK(gauge.refuse(1e38));
  CHECK_FALSE(gauge.refuse(std::numeric_limits<double>::infinity()));  // decoding says it better
  CHECK_FALSE(gauge.refuse(std::nan("")));
}

TEST_CASE("exploded tensors among the first do not make explosions usual") {
  SizeGauge gauge;
  for (std::size_t i = 0; i < SizeGauge::kLearned; ++i) gauge.refuse(i % 3 == 0 ? 1e5 : 0.1);
  CHECK(gauge.refuse(1e5));
}

TEST_CASE("what is usual follows training, and nobody drags it away with a few") {
  SizeGauge follows = learned(1);
  double size = 1;
  for (int i = 0; i < 500; ++i) CHECK_FALSE(follows.refuse(size *= 1.02));
  CHECK_FALSE(follows.refuse(size));

  SizeGauge dragged = learned(1);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(dragged.refuse(900));
  CHECK(dragged.refuse(2000));  // 10 steps of a sixteenth: 1.9 times as large
}

TEST_CASE("what may honestly explode is brought to the usual size, and counts for what is usual") {
  SizeGauge gauge = learned(0.5);
  CHECK(gauge.tame(0.5 * 0.99 * SizeGauge::kMostRatio) == 1);
  CHECK(gauge.tame(5000) == Approx(0.5 / 5000));
  CHECK(gauge.tame(1e30) < 1e-29);
  CHECK(gauge.tame(0) == 1);
  CHECK(gauge.tame(std::numeric_limits<double>::infinity()) == 1);
  // One that stays so large is usual in the end.
  int tamed = 0;
  while (gauge.tame(5000) < 1) REQUIRE(++tamed < 100);
  CHECK(tamed > 30);

  SizeGauge knows_nothing;
  CHECK(knows_nothing.tame(1e30) == 1);
}

TEST_CASE("zeros say nothing of what is usual, and other weights begin anew") {
  SizeGauge gauge = learned(1);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(gauge.refuse(0));
  CHECK(gauge.refuse(2000));
  gauge.restart();
  CHECK_FALSE(gauge.refuse(2000));
}

}  // namespace
}  // namespace brigade::daemon

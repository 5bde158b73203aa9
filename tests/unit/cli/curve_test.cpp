#include "cli/curve.hpp"

#include <cmath>
#include <limits>

#include "tests/catch.hpp"

namespace brigade::cli {

TEST_CASE("a curve of any length keeps its shape in bounded memory") {
  Curve curve;
  constexpr int kValues = 100'000;
  for (int i = 0; i < kValues; ++i) curve.add(static_cast<double>(i));
  CHECK(curve.size() <= Curve::kCapacity);
  const auto points = curve.resampled(10);
  REQUIRE(points.size() == 10);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * kValues / 10;
    CHECK(points[i] == Approx(middle).margin(kValues / 200.0));
  }
}

TEST_CASE("a value that is no number is left out of the curve") {
  Curve curve;
  curve.add(1);
  curve.add(std::numeric_limits<double>::quiet_NaN());
  curve.add(std::numeric_limits<double>::infinity());
  CHECK(curve.size() == 1);
}

TEST_CASE("a falling loss is drawn from the top left to the bottom right") {
  Curve curve;
  for (int i = 0; i < 64; ++i) curve.add(64 - i);
  const Plot drawn = plot(curve, 16, 4);
  REQUIRE(drawn.rows.size() == 4);
  CHECK(drawn.high == Approx(64).margin(1.5));
  CHECK(drawn.low == Approx(1).margin(1.5));
  CHECK(drawn.rows.front().front() != ' ');
  CHECK(drawn.rows.front().back() == ' ');
  CHECK(drawn.rows.back().front() == ' ');
  CHECK(drawn.rows.back().back() != ' ');
}

TEST_CASE("one value is no curve") {
  Curve curve;
  CHECK(plot(curve, 16, 4).rows.empty());
  curve.add(1);
  CHECK(plot(curve, 16, 4).rows.empty());
}

}  // namespace brigade::cli

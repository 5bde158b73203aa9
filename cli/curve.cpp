#include "cli/curve.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace brigade::cli {

void Curve::add(double value) {
  if (!std::isfinite(value)) return;
  open_sum_ += value;
  if (++open_count_ < width_) return;
  means_.push_back(open_sum_ / static_cast<double>(open_count_));
  open_sum_ = 0;
  open_count_ = 0;
  if (means_.size() < kCapacity) return;
  for (std::size_t i = 0; i < kCapacity / 2; ++i) {
    means_[i] = (means_[2 * i] + means_[2 * i + 1]) / 2;
  }
  means_.resize(kCapacity / 2);
  width_ *= 2;
}

std::vector<double> Curve::resampled(std::size_t count) const {
  std::vector<double> points = means_;
  if (open_count_ > 0) points.push_back(open_sum_ / static_cast<double>(open_count_));
  if (points.size() <= count) return points;
  std::vector<double> result;
  result.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = i * points.size() / count;
    const std::size_t last = std::max(first + 1, (i + 1) * points.size() / count);
    double sum = 0;
    for (std::size_t k = first; k < last; ++k) sum += points[k];
    result.push_back(sum / static_cast<double>(last - first));
  }
  return result;
}

namespace {

// Dots of a braille cell: bit of (row, column), Unicode's order from U+2800.
constexpr std::array<std::array<unsigned, 2>, 4> kDots = {
    {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};

std::string braille(unsigned dots) {  // UTF-8 of U+2800 + dots
  std::string text = "\xe2";
  text += static_cast<char>(0xa0 + (dots >> 6));
  text += static_cast<char>(0x80 + (dots & 0x3f));
  return text;
}

}  // namespace

Plot plot(const Curve& curve, std::size_t columns, std::size_t rows) {
  Plot result;
  std::vector<double> points = curve.resampled(2 * columns);
  if (points.size() < 2 || rows == 0) return result;
  // The start and nearly all points set the scale: a lone spike is cut off, not made the measure.
  constexpr double kShownShare = 0.97;
  std::vector<double> sorted = points;
  std::sort(sorted.begin(), sorted.end());
  const auto last = static_cast<double>(sorted.size() - 1);
  result.low = sorted.front();
  result.high =
      std::max(points.front(), sorted[static_cast<std::size_t>(std::ceil(kShownShare * last))]);
  const double range = std::max(result.high - result.low, 1e-9);
  const auto last_dot = static_cast<double>(4 * rows - 1);
  const auto height = [&](double value) {  // dots from the top
    const double from_top = std::max(result.high - value, 0.0);
    return static_cast<std::size_t>(std::lround(from_top / range * last_dot));
  };

  const std::size_t used = 2 * columns;
  std::vector<std::vector<unsigned>> cells(rows, std::vector<unsigned>(columns, 0));
  std::size_t previous = height(points.front());
  for (std::size_t x = 0; x < used; ++x) {
    const std::size_t here = height(points[x * points.size() / used]);
    // A column reaches from its neighbour's height to its own, so that the curve has no gaps.
    const std::size_t top = std::min(here, previous < here ? previous + 1 : here);
    const std::size_t bottom = std::max(here, previous > here ? previous - 1 : here);
    for (std::size_t y = top; y <= bottom; ++y) cells[y / 4][x / 2] |= kDots.at(y % 4).at(x % 2);
    previous = here;
  }
  for (const auto& row : cells) {
    std::string line;
    for (const unsigned dots : row) line += dots == 0 ? std::string(" ") : braille(dots);
    result.rows.push_back(std::move(line));
  }
  return result;
}

}  // namespace brigade::cli

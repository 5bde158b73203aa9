#include "daemon/size_gauge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace brigade::daemon {

std::optional<std::string> SizeGauge::refuse(double size) {
  if (!std::isfinite(size)) return std::nullopt;
  if (size > kMost)
    return fmt::format("its numbers are about {:.3g}, more than {:.0e}: it has exploded", size,
                       kMost);
  if (size == 0) return std::nullopt;  // says nothing about what is usual
  const double logarithm = std::log(size);
  if (usual_) {
    const double ratio = std::exp(logarithm - *usual_);
    if (ratio > kMostRatio)
      return fmt::format(
          "its numbers are about {:.3g} where {:.3g} is usual at this hop, over {} times as large: "
          "it has exploded",
          size, std::exp(*usual_), kMostRatio);
    largest_ratio_ = std::max(largest_ratio_, ratio);
  }
  learn(logarithm);
  return std::nullopt;
}

double SizeGauge::tame(double size) {
  if (!usual_ || !std::isfinite(size) || size <= kMostRatio * std::exp(*usual_)) return 1;
  const double factor = std::exp(*usual_) / size;
  learn(std::log(size));
  return factor;
}

void SizeGauge::learn(double logarithm) {
  if (usual_) {
    *usual_ += std::clamp(logarithm - *usual_, -kStep, kStep);
    return;
  }
  first_.push_back(logarithm);
  if (first_.size() < kLearned) return;
  const auto middle = first_.begin() + static_cast<std::ptrdiff_t>(first_.size() / 2);
  std::ranges::nth_element(first_, middle);
  usual_ = *middle;
  first_ = {};
}

void SizeGauge::restart() {
  first_ = {};
  usual_.reset();
}

}  // namespace brigade::daemon

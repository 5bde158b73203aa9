#include "stage_runtime/tools/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace brigade::stage {

Result<std::int32_t> sample_token(std::span<const float> scores, const SamplingOptions& options,
                                  Random& random) {
  const bool is_sound =
      std::all_of(scores.begin(), scores.end(), [](float score) { return std::isfinite(score); });
  if (scores.empty() || !is_sound) {
    return make_error(ErrorCode::kCorrupt,
                      "the model's scores are not finite: its training has diverged; take an "
                      "earlier checkpoint");
  }
  std::vector<std::int32_t> ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto score = [&](std::int32_t id) { return scores[static_cast<std::size_t>(id)]; };
  const auto is_likelier = [&](std::int32_t left, std::int32_t right) {
    return score(left) != score(right) ? score(left) > score(right) : left < right;
  };
  if (options.temperature == 0) return *std::min_element(ids.begin(), ids.end(), is_likelier);
  if (options.top_k != 0 && options.top_k < ids.size()) {
    std::nth_element(ids.begin(), ids.begin() + options.top_k, ids.end(), is_likelier);
    ids.resize(options.top_k);
    std::sort(ids.begin(), ids.end());  // the draw does not depend on how the library partitions
  }
  const double highest = *std::max_element(scores.begin(), scores.end());
  std::vector<double> sums;  // running, of the unnormalised probabilities
  double sum = 0;
  for (const std::int32_t id : ids) {
    sum += std::exp((score(id) - highest) / options.temperature);
    sums.push_back(sum);
  }
  const auto drawn = std::upper_bound(sums.begin(), sums.end(), random.uniform() * sum);
  const auto index = std::min(drawn - sums.begin(), static_cast<std::ptrdiff_t>(ids.size()) - 1);
  return ids[static_cast<std::size_t>(index)];
}

}  // namespace brigade::stage

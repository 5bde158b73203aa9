// How stale this stage's gradients are (docs/method.md): per micro-batch
//   δ = backwards that this stage applied between its forward and its backward
//   τ = updates that it made in between
// and their running means, weight kPast on the past, which correct learning rate and momentum.
//
// Rules
// - The means start at the nominal values, P−1−i and (P−1−i)/K, so that the first updates are
//   corrected as the paper does; with synchronous schedules nothing is stale, and they start at 0.
// - A micro-batch that is forwarded again counts from its newest forward: the engine uses that one.
// - Every micro-batch counts once, before the update that contains it.
// - Where K follows the delay, an update covers as many micro-batches as the mean δ, at least K:
//   then at most one update lies between a forward and its backward, however large the window grows
//   (PACI, arXiv 2606.07881).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "swarm/options.hpp"

namespace brigade::swarm {

/// Micro-batches of this epoch by their τ in updates; the last place counts all larger ones.
inline constexpr std::size_t kStalenessPlaces = 64;
using StalenessHistogram = std::array<std::uint64_t, kStalenessPlaces>;

class StalenessMeter {
 public:
  static constexpr double kPast = 0.99;

  explicit StalenessMeter(const Options& options);
  void restart();  // a new epoch
  void note(std::uint64_t delay_microbatches, std::uint64_t staleness_updates);

  double delay_microbatches() const { return delay_; }     // δ, running mean
  double staleness_updates() const { return staleness_; }  // τ, running mean
  double staleness_max() const { return staleness_max_; }  // of this epoch
  const StalenessHistogram& histogram() const { return histogram_; }
  std::uint32_t microbatches_an_update() const;

 private:
  std::uint32_t accumulate_ = 1;
  bool follows_ = false;
  double nominal_delay_ = 0;
  double nominal_staleness_ = 0;
  double delay_ = 0;
  double staleness_ = 0;
  double staleness_max_ = 0;
  StalenessHistogram histogram_{};
};

}  // namespace brigade::swarm

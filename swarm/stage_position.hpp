// Replicas: how many micro-batches of its stage, over all replicas, the weights of this one
// contain. The schedules, checkpoints, evaluations and the end of the run go by it.
//
// It is an estimate. Each replica counts what it applies itself times the number of replicas, as if
// all were as fast; when two have averaged, both go on from the mean of their estimates. The mean
// over all replicas is then what they applied together, whatever their speeds, and exchanges keep
// each one near the mean. Exact for one replica, and for two right after an exchange; else a
// replica is wrong by what it is faster or slower since its last exchanges.
//
// What is told never falls, although the estimate of a fast replica does when it averages.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/limits.hpp"

namespace brigade::swarm {

class StagePosition {
 public:
  void start(std::uint64_t position) { estimate_ = told_ = position; }
  void set_replicas(std::uint32_t replicas) { replicas_ = replicas; }  // this one included
  void on_applied() { move_to(estimate_ + replicas_); }
  /// After an average of `mine`, its own estimate then, with another one's: what was applied since
  /// stays.
  void on_averaged(std::uint64_t mine, std::uint64_t merged) {
    move_to(merged + (std::max(estimate_, mine) - mine));
  }

  std::uint64_t estimate() const { return estimate_; }
  std::uint64_t told() const { return told_; }

 private:
  void move_to(std::uint64_t estimate) {
    estimate_ = std::min(estimate, limits::kMaxPosition);
    told_ = std::max(told_, estimate_);
  }

  std::uint64_t replicas_ = 1;
  std::uint64_t estimate_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace brigade::swarm

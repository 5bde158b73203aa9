#include "swarm/pace_meter.hpp"

#include <algorithm>

namespace brigade::swarm {

PaceMeter::PaceMeter(std::uint32_t accumulate)
    : block_(accumulate * ((kBlock + accumulate - 1) / accumulate)) {}

void PaceMeter::restart() {
  work_ = Work::kNone;
  applied_ = 0;
  forwards_ = 0;
  forwarding_ = other_ = forward_ = mean_ = Duration::zero();
  blocks_ = 0;
}

void PaceMeter::note(TimePoint now, Work work, std::uint64_t applied) {
  if (work_ == Work::kForward) {
    forwarding_ += now - at_;
    if (work != Work::kForward) ++forwards_;
  } else if (work_ == Work::kOther) {
    other_ += now - at_;
  }
  at_ = now;
  work_ = work;
  const std::uint64_t count = applied - applied_;
  if (count < block_) return;
  if (forwards_ > 0) forward_ = forwarding_ / forwards_;
  end_block(forward_ + other_ / static_cast<Duration::rep>(count));
  applied_ = applied;
  forwards_ = 0;
  forwarding_ = other_ = Duration::zero();
}

void PaceMeter::end_block(Duration microbatch) {
  const auto difference = static_cast<double>(std::chrono::abs(microbatch - mean_).count());
  if (difference > kChange * static_cast<double>(mean_.count())) blocks_ = 0;
  blocks_ = std::min(blocks_ + 1, kBlocks);
  if (blocks_ == 1) mean_ = Duration::zero();
  mean_ += (microbatch - mean_) / static_cast<Duration::rep>(blocks_);
}

}  // namespace brigade::swarm

#include "swarm/load_meter.hpp"

#include <algorithm>

namespace brigade::swarm {

LoadMeter::LoadMeter(StageIndex stage, bool is_tail, std::uint32_t accumulate)
    : stage_(stage),
      is_tail_(is_tail),
      block_(accumulate * ((kBlock + accumulate - 1) / accumulate)) {}

void LoadMeter::restart() {
  *this = LoadMeter(stage_, is_tail_, block_);
}

void LoadMeter::note(TimePoint now, Work work, std::uint64_t applied) {
  const Duration since = at_ ? now - *at_ : Duration::zero();
  elapsed_ += since;
  if (work_ != Work::kNone) computing_ += since;
  if (work_ == Work::kForward) {
    forwarding_ += since;
    if (work != Work::kForward) ++forwards_;
  } else if (work_ == Work::kOther) {
    other_ += since;
  }
  at_ = now;
  work_ = work;
  newest_ = applied;
  const std::uint64_t count = applied - applied_;
  if (count < block_) return;
  if (forwards_ > 0) forward_ = forwarding_ / forwards_;
  end_block(forward_ + other_ / static_cast<Duration::rep>(count));
  applied_ = applied;
  forwards_ = 0;
  forwarding_ = other_ = Duration::zero();
}

void LoadMeter::end_block(Duration microbatch) {
  const auto difference = static_cast<double>(std::chrono::abs(microbatch - mean_).count());
  if (difference > kChange * static_cast<double>(mean_.count())) blocks_ = 0;
  blocks_ = std::min(blocks_ + 1, kBlocks);
  if (blocks_ == 1) mean_ = Duration::zero();
  mean_ += (microbatch - mean_) / static_cast<Duration::rep>(blocks_);
}

Load LoadMeter::own(TimePoint now) const {
  const Duration since = at_ ? now - *at_ : Duration::zero();
  const Duration computing = work_ == Work::kNone ? computing_ : computing_ + since;
  return {stage_, mean_, computing, elapsed_ + since};
}

Duration LoadMeter::pace() const {
  if (mean_ > Duration::zero() || newest_ == applied_) return mean_;
  const Duration forward = forwards_ > 0 ? forwarding_ / forwards_ : Duration::zero();
  return forward + other_ / static_cast<Duration::rep>(newest_ - applied_);
}

Load LoadMeter::line(TimePoint now) {
  Load mine_now = own(now);
  if (is_tail_) return mine_now;
  const Duration kUnknown{0};
  if (!after_ || after_->pace == kUnknown || mine_now.pace == kUnknown) {
    mine_now.pace = kUnknown;
    return mine_now;
  }
  const auto mine = static_cast<double>(mean_.count());
  const auto theirs = static_cast<double>(after_->pace.count());
  is_slowest_ = is_slowest_ ? theirs <= mine * kClearlySlower : mine > theirs * kClearlySlower;
  return is_slowest_ ? mine_now : *after_;
}

}  // namespace brigade::swarm

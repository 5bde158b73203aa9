// How much computing one micro-batch costs this stage: a forward, a backward, and its part of the
// updates and snapshots. The inverse is the most that the stage can do, so the head can tell from
// its own rate how busy the slowest stage is (window_control.hpp).
//
// Rules
// - A forward costs what forwards cost on average, all else is shared by the micro-batches applied:
//   while the window changes, or evaluations pass, more is forwarded than applied.
// - Averaged over blocks of kBlock micro-batches, or of whole updates: an update costs the same
//   however many it is for.
// - A mean over several blocks, since devices jitter and the head compares hundredths: weight
//   1/kBlocks a block. But not over many: on a machine that others use as well, computing and rate
//   slow down together, and are compared while they do. A block that differs by more than kChange
//   is another device, or the same one in another mood: the mean starts again there.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace brigade::swarm {

class PaceMeter {
 public:
  static constexpr std::uint32_t kBlock = 16;  // micro-batches, at least
  static constexpr std::uint32_t kBlocks = 8;
  static constexpr double kChange = 0.25;

  explicit PaceMeter(std::uint32_t accumulate);
  void restart();  // a new epoch
  enum class Work : std::uint8_t { kNone, kForward, kOther };
  /// What is true from `now` on: what the engine does, and the micro-batches applied so far.
  /// Between two tasks there is a call with kNone.
  void note(TimePoint now, Work work, std::uint64_t applied);
  /// Of one micro-batch; zero until the first block is complete.
  Duration microbatch() const { return mean_; }

 private:
  void end_block(Duration microbatch);

  std::uint32_t block_;
  TimePoint at_;
  Work work_ = Work::kNone;
  // Of the block.
  std::uint64_t applied_ = 0;  // when it began
  std::uint32_t forwards_ = 0;
  Duration forwarding_{};
  Duration other_{};

  Duration forward_{};  // of the last block that had any
  Duration mean_{};
  std::uint32_t blocks_ = 0;  // in the mean, up to kBlocks
};

}  // namespace brigade::swarm

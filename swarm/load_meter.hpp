// What computing costs this stage, and which stage of the line, from this one on, is the slowest.
//
// Pace: computing time of one micro-batch: a forward, a backward, and its part of the updates and
// snapshots. The slowest stage has the largest.
// Load: that stage's pace and two counters of its own clock, computing time and time. They travel
// up the line with each gradient. Between any two of them the quotient of the differences is how
// busy the stage was: exactly, however long the links took, so the head can tell from few gradients
// whether enough is in flight (window_control.hpp).
//
// Rules
// - A forward costs what forwards cost on average, all else is shared by the micro-batches applied:
//   while the window changes, or evaluations pass, more is forwarded than applied.
// - Averaged over blocks of kBlock micro-batches, or of whole updates: an update costs the same
//   however many it is for.
// - The pace is a mean over several blocks, weight 1/kBlocks a block. A block that differs by more
//   than kChange is another device, or the same one in another mood: the mean starts again there.
// - The counters of different stages can't be compared, so of two stages that are about equal the
//   one that was the slowest stays it, until another is slower by kClearlySlower.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

/// Micro-batches a second; 0: the pace is not known.
inline double rate_of(Duration pace) {
  return pace > Duration::zero() ? 1 / std::chrono::duration<double>(pace).count() : 0;
}

class LoadMeter {
 public:
  static constexpr std::uint32_t kBlock = 16;  // micro-batches, at least
  static constexpr std::uint32_t kBlocks = 8;
  static constexpr double kChange = 0.25;
  static constexpr double kClearlySlower = 1.125;

  LoadMeter(StageIndex stage, bool is_tail, std::uint32_t accumulate);
  void restart();  // a new epoch
  enum class Work : std::uint8_t { kNone, kForward, kOther };
  /// What is true from `now` on: what the engine does, and the micro-batches that are in the
  /// weights by now. Between two tasks there is a call with kNone.
  void note(TimePoint now, Work work, std::uint64_t applied);
  /// What came with a gradient from the stage after.
  void hear(const Load& after) { after_ = after; }

  /// The pace is zero until the first block is complete.
  Load own(TimePoint now) const;
  /// The pace, or what it seems to be before the first block is complete; zero while nothing was
  /// applied.
  Duration pace() const;
  /// Of the slowest stage from this one on; the pace is zero while it is unknown which that is.
  Load line(TimePoint now);

 private:
  void end_block(Duration microbatch);

  StageIndex stage_;
  bool is_tail_;
  std::uint32_t block_;
  std::optional<TimePoint> at_;
  Work work_ = Work::kNone;
  Duration computing_{};
  Duration elapsed_{};
  // Of the block.
  std::uint64_t applied_ = 0;  // when it began
  std::uint64_t newest_ = 0;   // the last that was noted
  std::uint32_t forwards_ = 0;
  Duration forwarding_{};
  Duration other_{};

  Duration forward_{};  // of the last block that had any
  Duration mean_{};
  std::uint32_t blocks_ = 0;  // in the mean, up to kBlocks

  std::optional<Load> after_;
  bool is_slowest_ = false;  // this stage, when last asked
};

}  // namespace brigade::swarm

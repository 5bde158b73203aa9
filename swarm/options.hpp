// Everything that can be set on a node's core. The parser stays outside (config/).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/time.hpp"

namespace brigade::swarm {

/// When a stage updates and what the head may draw (docs/method.md).
enum class Schedule : std::uint8_t {
  kAsync,  // nothing waits for a flush; an update every `accumulate` micro-batches
  kGpipe,  // groups of `accumulate`: all forwards, then all backwards, one update, draw on
  k1f1b,   // the same groups, each backward as soon as it can be: at most P − i held at stage i
};

constexpr const char* name_of(Schedule schedule) {
  switch (schedule) {
    case Schedule::kGpipe:
      return "gpipe";
    case Schedule::k1f1b:
      return "1f1b";
    case Schedule::kAsync:
      break;
  }
  return "async";
}

/// Whether groups of micro-batches end in a flush.
constexpr bool is_synchronous(Schedule schedule) {
  return schedule != Schedule::kAsync;
}

// Micro-batches in flight for each: one computes and two wait or are on their way. 60 machines that
// differ by eight times, in four stages, are busy 95 % of the time; with two places 89 %, with four
// 96 % (`brigade simulate`).
inline constexpr std::uint32_t kPlacesOfAReplica = 3;

/// The largest window that a head chooses itself: what the stages must have room for. Enough for a
/// round trip of thirty times what the whole line computes.
constexpr std::uint32_t most_found_window(std::uint32_t stages) {
  constexpr std::uint32_t kOfAStage = 32;
  constexpr std::uint32_t kLeast = 64;
  return std::min(std::max(kOfAStage * stages, kLeast), limits::kMaxWindow);
}

struct Options {
  NodeId self;
  StageIndex stage;
  std::uint32_t stages = 1;  // P
  HeadIndex head;            // meaningful at stage 0: the head's own index
  std::uint64_t seed = 0;    // for pauses; data and weights are none of the core's business

  Schedule schedule = Schedule::kAsync;
  bool lock_step = false;  // forward(m+δ), backward(m), update, in this order (kAsync only)
  /// kAsync: micro-batches in flight at the head, 1 … kMaxWindow; 0: the head finds the smallest
  /// that keeps the slowest stage busy, beginning with `stages`; with replicas it has three
  /// for each that there is. Lock-step has a window of its own.
  std::uint32_t window = 1;
  std::uint32_t accumulate = 1;     // micro-batches an update: K, and M of groups
  bool accumulate_follows = false;  // kAsync: K of a stage grows to its measured delay

  std::uint64_t steps = 0;  // micro-batches to draw in the whole run; 0: without end
  std::uint64_t checkpoint_every =
      0;  // micro-batches, rounded up to whole updates; 0: the last only
  std::uint32_t keep_checkpoints = 2;    // committed ones kept on disk, the newest first
  std::uint64_t eval_every = 0;          // micro-batches; 0: at the end only
  std::uint32_t eval_batches = 0;        // of an evaluation during training
  std::uint32_t final_eval_batches = 0;  // of the one at the end: the whole validation split
  bool eval_on_resume = true;            // before the first draw of a resumed run
  bool may_start_over = false;           // allow a resume at position 0 although newer state exists

  // Replicas: a swarm whose nodes come and go (docs/architecture.md). kAsync, without lock-step;
  // `steps` and `checkpoint_every` count what all replicas of a stage apply together.
  bool has_replicas = false;
  std::uint64_t instance = 0;        // of this start, random; also the head's index
  Epoch epoch{1};                    // of the whole run
  std::uint32_t average_rounds = 1;  // that name all weights once
  std::uint32_t average_every = 0;   // own updates between exchanges with a replica; 0: none
  std::uint32_t most_in_flight = limits::kMaxInFlight;  // at this node: what its memory holds
  Duration forget_after =
      std::chrono::seconds{120};  // without contact, an uncertain fate is certain

  std::uint32_t tokens = 0;  // of a micro-batch, that its loss is summed over; 0: not checked

  // Deadlines. A receipt costs one round trip; a gradient a trip down the rest of the line.
  Duration receipt_deadline = std::chrono::seconds{5};
  Duration gradient_deadline = std::chrono::seconds{20};
  Duration longest_pause = std::chrono::seconds{60};  // repeats back off up to this
  Duration beacon_interval = std::chrono::milliseconds{500};
  Duration longest_beacon_interval = std::chrono::seconds{5};  // replicas: of slow machines
};

/// Replicas: how often a machine of this pace tells its neighbours of itself. What one learns of
/// another is of use for the next micro-batch, so once in the time of one is enough.
constexpr Duration beacon_interval_of(const Options& options, Duration pace) {
  constexpr int kInMemory = 20;  // intervals, at least, before it is forgotten
  const Duration longest =
      std::min(options.longest_beacon_interval, options.forget_after / kInMemory);
  return std::clamp(pace, options.beacon_interval, std::max(options.beacon_interval, longest));
}

/// How far beyond the oldest that is not applied a head may draw.
constexpr std::uint32_t most_applied_ahead(const Options& options) {
  return options.has_replicas ? limits::kMaxAppliedAheadReplicas : limits::kMaxAppliedAhead;
}

}  // namespace brigade::swarm

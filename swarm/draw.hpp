// Whether the head draws another micro-batch, and why not.
//
// Rules
// - kAsync: fewer than `window` in flight. What is in flight beyond what keeps the slowest stage
//   busy buys no speed and costs staleness (window_control.hpp). Evaluation batches take places of
//   the window too.
// - In lock-step the schedule itself is the window: the head draws when a forward is next.
// - kGpipe: a group of `accumulate` is drawn at once; the next when all its gradients are applied
//   and the update is made. The last group may be smaller, and its size travels with it.
// - k1f1b: the same groups, drawn while fewer than P are in flight.
// - `steps` counts the whole run, so a resume draws what is left.
// - Nothing is drawn further than limits::kMaxAppliedAhead beyond the oldest that is not applied.
// - A stop ends drawing at once, a begun group is completed first: its size was promised.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class Draw {
 public:
  struct View {
    bool is_ready = false;             // the whole line is, in this epoch
    bool is_stopping = false;          // asked to
    bool is_evaluating_first = false;  // an evaluation is under way that draws wait for
    bool is_forward_turn = true;       // of the schedule (TaskQueue)
    bool is_update_due = false;        // here, or being made
    std::uint32_t in_flight = 0;
    std::uint32_t evaluations = 0;  // in flight
    std::uint64_t watermark = 0;    // of this epoch
  };
  struct Decision {
    bool draws = false;
    const char* reason = "";  // a literal
  };

  explicit Draw(const Options& options);
  void restart(std::uint64_t from_position);
  void set_window(std::uint32_t window) { window_ = window; }

  Decision decide(const View& view) const;
  /// The next one, after a positive decision.
  struct Drawn {
    Sequence sequence;
    Group group;
  };
  Drawn take();
  Sequence next() const { return Sequence{next_}; }
  /// Micro-batches of this epoch in all, once the last one is drawn.
  std::optional<std::uint64_t> final_count(bool is_stopping) const;
  bool has_steps_left() const;

 private:
  bool is_inside_group() const { return next_ < group_.first.value() + group_.size; }

  Schedule schedule_;
  bool lock_step_;
  std::uint32_t window_;
  std::uint32_t accumulate_;
  std::uint32_t stages_;
  std::uint32_t most_ahead_;
  std::uint64_t steps_;
  std::uint64_t from_position_ = 0;
  std::uint64_t next_ = 0;       // sequence of the next draw
  Group group_{Sequence{0}, 0};  // the one being drawn, of schedules with groups
};

}  // namespace brigade::swarm

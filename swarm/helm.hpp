// The head's part of training: what is drawn, what is evaluated, and when everything is done.
//
// Rules
// - Evaluation batches go before draws: their result is wanted for one moment of the weights. In
//   lock-step, and before the first draw of a resume, nothing is drawn until the result is known:
//   so that moment is determined.
// - The window is fixed by an option or found by WindowControl, which is told of each gradient that
//   is applied, and whether anything but the window has held draws back since the one before.
// - When the line is asked to stop, no more is drawn or evaluated.
// - Done: all drawn micro-batches are applied and updated at every stage, no evaluation is under
//   way, and the final one is made, if all steps were drawn.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "swarm/draw.hpp"
#include "swarm/evaluation.hpp"
#include "swarm/shared.hpp"
#include "swarm/window_control.hpp"

namespace brigade::swarm {

class Helm {
 public:
  struct View {
    bool is_ready = false;
    bool is_stopping = false;
    bool is_at_cut = false;        // no update is due or being made here
    bool is_line_drained = false;  // everything is applied at every stage
  };

  Helm(Shared& shared, Evaluation& evaluation);
  void enter_epoch();

  View& view() { return view_; }  // what the helm is told before it steers
  /// Starts and reports evaluations. Returns the final position once the last one is drawn.
  std::optional<std::uint64_t> steer();
  /// Lets the window follow what came back.
  void watch(TimePoint now);
  /// Opens one micro-batch or evaluation batch and queues its forward; false: not now.
  bool draw();
  bool is_done() const;
  bool has_steps_left() const { return draw_.has_steps_left(); }
  const char* waiting_for() const { return waiting_for_; }
  /// Of an asynchronous schedule; 0: there is none.
  std::uint32_t window() const { return window_; }
  double window_smoothed() const { return control_ ? control_->smoothed() : window_; }
  const char* window_reason() const;

 private:
  bool wants_final_evaluation() const { return !view_.is_stopping && !draw_.has_steps_left(); }
  bool draw_evaluation();
  void open(const MicrobatchId& id, const Group& group);

  Shared& shared_;
  Evaluation& evaluation_;
  Draw draw_;
  View view_;
  std::uint32_t window_;  // 0: the schedule has none
  std::optional<WindowControl> control_;
  std::uint64_t applied_ = 0;        // when last watched
  bool is_window_limiting_ = false;  // since then
  const char* waiting_for_ = "";
};

}  // namespace brigade::swarm

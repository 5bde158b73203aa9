#include "swarm/draw.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace brigade::swarm {

Draw::Draw(const Options& options)
    : schedule_(options.schedule),
      lock_step_(options.lock_step && options.schedule == Schedule::kAsync),
      window_(options.window),
      accumulate_(options.accumulate),
      stages_(options.stages),
      most_ahead_(most_applied_ahead(options)),
      steps_(options.steps) {}

void Draw::restart(std::uint64_t from_position) {
  from_position_ = from_position;
  next_ = 0;
  group_ = {Sequence{0}, 0};
}

bool Draw::has_steps_left() const {
  return steps_ == 0 || from_position_ + next_ < steps_;
}

std::optional<std::uint64_t> Draw::final_count(bool is_stopping) const {
  if (is_inside_group()) return std::nullopt;
  if (is_stopping || !has_steps_left()) return next_;
  return std::nullopt;
}

Draw::Decision Draw::decide(const View& view) const {
  if (!view.is_ready) return {false, "the line to be ready"};
  if (is_inside_group() && schedule_ == Schedule::k1f1b && view.in_flight >= stages_)
    return {false, "a gradient: each stage holds one of the group"};
  if (is_inside_group()) return {true, "the group is not complete"};
  if (!has_steps_left()) return {false, "the line to run empty: all steps are drawn"};
  if (view.is_stopping) return {false, "the line to run empty: asked to stop"};
  if (view.is_evaluating_first) return {false, "an evaluation, which comes first"};
  if (next_ - view.watermark >= most_ahead_) {
    return {false, "the oldest micro-batch, which is far behind the newest"};
  }
  if (is_synchronous(schedule_)) {
    if (view.in_flight > 0) return {false, "the gradients of the group"};
    if (view.is_update_due) return {false, "the update of the group"};
    return {true, "the group before is complete"};
  }
  if (lock_step_) {
    if (!view.is_forward_turn) return {false, "a gradient: its turn comes before the next draw"};
    return {true, "a forward is next in lock-step"};
  }
  if (view.in_flight + view.evaluations >= window_)
    return {false, "a gradient: the window is full"};
  return {true, "the window has room"};
}

Draw::Drawn Draw::take() {
  if (schedule_ == Schedule::kAsync) {
    const Sequence sequence{next_++};
    return {sequence, Group{sequence, 1}};
  }
  if (!is_inside_group()) {
    const std::uint64_t left =
        steps_ == 0 ? accumulate_
                    : std::min<std::uint64_t>(accumulate_, steps_ - from_position_ - next_);
    group_ = {Sequence{next_}, static_cast<std::uint32_t>(left)};
  }
  return {Sequence{next_++}, group_};
}

}  // namespace brigade::swarm

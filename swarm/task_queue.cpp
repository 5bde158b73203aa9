#include "swarm/task_queue.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

using Pick = TaskQueue::Pick;

constexpr const char* kNoInput = "an activation from the stage before";
constexpr const char* kNoGradient = "a gradient from the stage after";

}  // namespace

void TaskQueue::Lane::clear() {
  items_.clear();
  first_ = 0;
}

Slot TaskQueue::Lane::take(std::size_t i) {
  const Slot slot = items_[first_ + i].slot;
  if (i == 0) {
    ++first_;
  } else {
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(first_ + i));
  }
  if (first_ * 2 >= items_.size()) {  // amortised: moves at most as many as were taken
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  return slot;
}

TaskQueue::TaskQueue(const Options& options)
    : schedule_(options.schedule),
      lock_step_(options.lock_step && options.schedule == Schedule::kAsync),
      delay_(options.stages - 1 - options.stage.value()) {}

void TaskQueue::restart() {
  forwards_.clear();
  backwards_.clear();
  was_backward_ = false;
  forwarded_ = applied_ = 0;
  final_count_ = ~0ULL;
  group_ = {Sequence{0}, 0};
}

void TaskQueue::end_after(std::uint64_t final_count) {
  final_count_ = final_count;
}

bool TaskQueue::admit(const Group& group, Sequence sequence) {
  if (schedule_ == Schedule::kAsync) return group.size == 1 && group.first == sequence;
  if (group.size == 0 || group.size > limits::kMaxInFlight || sequence < group.first ||
      sequence.value() - group.first.value() >= group.size) {
    return false;
  }
  if (group.first == group_.first && group.size == group_.size) return true;
  if (!is_group_applied() || group.first.value() != applied_) return false;
  group_ = group;
  return true;
}

void TaskQueue::push_forward(Slot slot, const Entry& entry) {
  const Sequence turn = entry.is_train() ? entry.id.sequence : entry.group.first;
  const bool is_free = schedule_ == Schedule::k1f1b && !entry.is_train();
  forwards_.push({slot, turn, entry.was_forwarded || is_free});
}

void TaskQueue::push_backward(Slot slot, const Entry& entry) {
  backwards_.push({slot, entry.id.sequence, false});
}

void TaskQueue::remove(Lane& lane, Slot slot) {
  for (std::size_t i = 0; i < lane.size(); ++i) {
    if (lane[i].slot == slot) {
      lane.take(i);
      return;
    }
  }
}

Pick TaskQueue::take() {
  if (schedule_ == Schedule::kGpipe) return take_gpipe();
  if (schedule_ == Schedule::k1f1b) return take_1f1b();
  return lock_step_ ? take_lock_step() : take_async();
}

Pick TaskQueue::take_async() {
  const bool is_forwards_turn = was_backward_ && forwards_.size() > 0;
  if (backwards_.size() > 0 && !is_forwards_turn) {
    was_backward_ = true;
    return {Pick::Kind::kBackward, backwards_.take(0), ""};
  }
  if (forwards_.size() > 0) {
    was_backward_ = false;
    return {Pick::Kind::kForward, forwards_.take(0), ""};
  }
  return {Pick::Kind::kNothing, 0, forwarded_ > applied_ ? kNoGradient : kNoInput};
}

Pick TaskQueue::take_lock_step() {
  const bool forwards_now = is_forward_turn() || forwarded_ == applied_;
  for (std::size_t i = 0; i < forwards_.size(); ++i) {
    const Item& item = forwards_[i];
    const bool is_next = forwards_now && item.turn.value() <= forwarded_;
    if (item.in_any_turn || is_next) return {Pick::Kind::kForward, forwards_.take(i), ""};
  }
  if (is_forward_turn()) return {Pick::Kind::kNothing, 0, kNoInput};
  for (std::size_t i = 0; i < backwards_.size(); ++i) {
    if (backwards_[i].turn.value() == applied_) {
      return {Pick::Kind::kBackward, backwards_.take(i), ""};
    }
  }
  return {Pick::Kind::kNothing, 0, kNoGradient};
}

Pick TaskQueue::take_gpipe() {
  if (is_group_forwarded() && backwards_.size() > 0) {
    return {Pick::Kind::kBackward, backwards_.take(0), ""};
  }
  if (forwards_.size() > 0) return {Pick::Kind::kForward, forwards_.take(0), ""};
  const bool waits_for_gradients = is_group_forwarded() && !is_group_applied();
  return {Pick::Kind::kNothing, 0, waits_for_gradients ? kNoGradient : kNoInput};
}

Pick TaskQueue::take_1f1b() {
  if (backwards_.size() > 0) return {Pick::Kind::kBackward, backwards_.take(0), ""};
  const bool has_room = forwarded_ - applied_ <= delay_;
  for (std::size_t i = 0; i < forwards_.size(); ++i) {
    if (has_room || forwards_[i].in_any_turn) return {Pick::Kind::kForward, forwards_.take(i), ""};
  }
  return {Pick::Kind::kNothing, 0, forwarded_ > applied_ ? kNoGradient : kNoInput};
}

void TaskQueue::on_forwarded() {
  ++forwarded_;
}

void TaskQueue::on_forgotten() {
  --forwarded_;
}

bool TaskQueue::is_update_due(std::uint32_t accumulated, std::uint32_t wanted) const {
  if (accumulated == 0) return false;
  return is_synchronous(schedule_) ? is_group_applied() : accumulated >= wanted;
}

bool TaskQueue::wants_draw() const {
  const bool takes_turns = schedule_ == Schedule::kAsync && !lock_step_;
  return takes_turns && was_backward_ && forwards_.size() == 0 && backwards_.size() > 0;
}

bool TaskQueue::is_forward_turn() const {
  if (!lock_step_) return true;
  return forwarded_ < std::min(applied_ + delay_ + 1, final_count_);
}

}  // namespace brigade::swarm

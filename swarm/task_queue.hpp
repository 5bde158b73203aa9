// Which micro-batch the engine takes next, and when it is time to update.
//
// Rules
// - kAsync: after a forward a gradient, if one waits, since it frees memory here and below and
//   every update it waits for makes it staler; after a backward an activation, if one waits, for
//   the head one that it draws. Where both wait they take turns: gradients alone, as many as a
//   burst of the link brings, would leave the stages after this one without work, whose gradients
//   then come as the next burst. Within a kind, in order of arrival.
// - kAsync in lock-step: forward(m+δ), backward(m), update with δ = P−1−i, in exactly this order
//   whatever arrives first (the deterministic schedule of the vectors); once the last micro-batch
//   is known there is nothing more to forward, only backward and update. An evaluation batch names
//   the training micro-batch that it goes before, so that its weights are determined too.
// - kGpipe: all forwards of a group before its first backward, here and at the tail.
// - k1f1b: gradients first, and a forward only while fewer than P − i of the group are held here.
// - What is forwarded again (the next stage lost it) goes in any turn: the line waits for it.
// - Update: kAsync after every `accumulate` applied, with groups after the last of the group.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "swarm/ledger.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class TaskQueue {
 public:
  struct Pick {
    enum class Kind : std::uint8_t { kNothing, kForward, kBackward };
    Kind kind = Kind::kNothing;
    Slot slot = 0;
    const char* reason = "";  // with kNothing: what is waited for
  };

  explicit TaskQueue(const Options& options);
  void restart();                             // a new epoch
  void end_after(std::uint64_t final_count);  // micro-batches of this epoch in all

  /// False: the group contradicts the schedule or the group that is under way.
  bool admit(const Group& group, Sequence sequence);
  void push_forward(Slot slot, const Entry& entry);
  void push_backward(Slot slot, const Entry& entry);
  void remove_forward(Slot slot) { remove(forwards_, slot); }
  void remove_backward(Slot slot) { remove(backwards_, slot); }
  Pick take();  // out of the queue

  void on_forwarded();               // a training micro-batch, for the first time
  void on_forgotten();               // one of those is forgotten
  void on_applied() { ++applied_; }  // its backward is done
  /// `wanted`: micro-batches that an update covers, where no group says so.
  bool is_update_due(std::uint32_t accumulated, std::uint32_t wanted) const;
  /// The head may draw a training micro-batch in this turn.
  bool is_forward_turn() const;
  /// It should now, although gradients wait: it is a forward's turn and there is none.
  bool wants_draw() const;

 private:
  struct Item {
    Slot slot;
    Sequence turn;     // lock-step: the training micro-batch whose turn it is, or comes after it
    bool in_any_turn;  // forwarded again; k1f1b: an evaluation
  };
  /// First in, first out, and now and then something from the middle.
  class Lane {
   public:
    void push(const Item& item) { items_.push_back(item); }
    void clear();
    std::size_t size() const { return items_.size() - first_; }
    const Item& operator[](std::size_t i) const { return items_[first_ + i]; }
    Slot take(std::size_t i);

   private:
    std::vector<Item> items_;
    std::size_t first_ = 0;
  };

  static void remove(Lane& lane, Slot slot);
  Pick take_async();
  Pick take_lock_step();
  Pick take_gpipe();
  Pick take_1f1b();
  bool is_group_forwarded() const { return forwarded_ == group_.first.value() + group_.size; }
  bool is_group_applied() const { return applied_ == group_.first.value() + group_.size; }

  Schedule schedule_;
  bool lock_step_;
  std::uint64_t delay_;        // δ = P−1−i
  bool was_backward_ = false;  // what was taken last; kAsync
  Lane forwards_;
  Lane backwards_;
  std::uint64_t forwarded_ = 0;  // training micro-batches of this epoch
  std::uint64_t applied_ = 0;
  std::uint64_t final_count_ = ~0ULL;
  Group group_{Sequence{0}, 0};  // the one under way, of schedules with groups
};

}  // namespace brigade::swarm

// Replicas: what a node that restarted has kept, beside the checkpoint that its weights started
// from, for whoever asks again.
//
// Rules
// - Their micro-batches are in these weights, so none is applied here again. They are in no account
//   and on no path: a giver asks for one with a path that names this instance, and it becomes an
//   entry of the ledger like another that is applied and not acknowledged.
// - What its head has closed is let go. What nobody has asked for within `forget_after` is too:
//   its id alone is remembered, as spent.
// - A head remembers what it has applied, its own and adopted: who did not hear that it is closed
//   has another head adopt it, or this one.
// Bound: limits::kMaxKeptOverRestart of each.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "swarm/action_queue.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

class Restored {
 public:
  /// Once, when the weights are there. What is beyond the bound is released.
  void take_over(TimePoint until, const Kept& kept, ActionQueue& actions);
  /// Its gradient, if it is here; from then on it is the caller's.
  std::optional<Kept::Gradient> take(const MicrobatchId& id);
  bool is_spent(const MicrobatchId& id) const;
  /// True: it was, and is no concern of this class any more.
  bool take_spent(const MicrobatchId& id);
  bool is_closed(const MicrobatchId& id) const;
  void settle_below(HeadIndex head, Sequence floor, ActionQueue& actions);
  void expire(TimePoint now, ActionQueue& actions);
  void let_go(ActionQueue& actions);

  /// For the next checkpoint, behind what is there.
  void add_to(Kept& kept) const;
  std::uint32_t unasked() const;  // gradients

 private:
  struct Waiting {
    LossSum loss;
    Payload payload;  // empty: spent
  };
  std::map<MicrobatchId, Waiting> waiting_;
  std::vector<Kept::Range> closed_;
  TimePoint until_ = kNever;
};

}  // namespace brigade::swarm

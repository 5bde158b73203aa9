// The life of every micro-batch at one stage, and the exactly-once account of its gradient.
//
//   forward queued → forwarding → forwarded ⇄ backward queued → backwarding → applied → closed
//                          ↑___________|  (again, on newest weights, if the next stage lost it)
//
// Rules
// - drawn = applied + in flight, after every change: checked here, always.
// - A training micro-batch is applied once in an epoch. Applied ids are remembered when their entry
//   has gone (AppliedSet), so that a late repeat is recognised for ever.
// - An applied entry stays open while its gradient is not acknowledged by the stage before; it
//   answers repeats.
// - What was applied before a restart and is asked for again is opened as applied, outside the
//   account of this instance.
// - Evaluation batches live in the same table but outside the account.
// - Bound: kMaxInFlight + kMaxKeptGradients entries. Cost: one hash lookup an access by id.
#pragma once

#include <array>
#include <boost/container/flat_map.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/limits.hpp"
#include "swarm/applied_set.hpp"
#include "swarm/hop.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

using Slot = std::uint32_t;

enum class Life : std::uint8_t {
  kForwardQueued,
  kForwarding,
  kForwarded,  // its gradient (kEval: its result) is awaited
  kBackwardQueued,
  kBackwarding,
  kApplied,  // kEval: its result is known
};
inline constexpr std::size_t kLives = 6;

struct Entry {
  MicrobatchId id;
  Group group;
  Life life = Life::kForwardQueued;
  bool is_open = false;
  bool was_forwarded = false;      // at least once: the engine keeps what backward needs
  bool has_answer = false;         // its gradient or result came while it was forwarded again
  Payload input;                   // none at the head
  Payload gradient;                // from the stage after
  Payload outgoing;                // on its way: an activation, later (kApplied) a gradient
  LossSum loss;                    // once known
  Attempt input_attempt;           // of the newest Forward received
  Attempt gradient_attempt;        // of the newest Backward received
  Hop hop;                         // of `outgoing`: to the stage after, later to the one before
  std::uint64_t applied_then = 0;  // by this stage when it was forwarded last
  Version version_then;            // of the weights that it was forwarded on

  bool is_train() const { return id.kind == MicrobatchId::Kind::kTrain; }
  Direction direction() const {
    return life == Life::kApplied ? Direction::kBackward : Direction::kForward;
  }
};

class Ledger {
 public:
  struct Counts {
    std::uint64_t drawn = 0;    // training micro-batches of this epoch taken in
    std::uint64_t applied = 0;  // of those
    std::uint32_t in_flight = 0;
    std::uint32_t forwarded = 0;          // of those in flight
    std::uint32_t waiting_gradients = 0;  // of those forwarded: held until their backward is done
    std::uint32_t kept_gradients = 0;     // applied, not acknowledged
    std::uint32_t evaluations = 0;        // open evaluation entries
  };
  enum class Standing : std::uint8_t {
    kUnknown,  // may be opened
    kOpen,     // has an entry
    kApplied,  // applied and closed
    kRefused,  // a bound is reached: kBusy
  };
  struct Lookup {
    Standing standing;
    Slot slot;  // with kOpen
  };

  explicit Ledger(std::uint32_t most_ahead = limits::kMaxAppliedAhead) : most_ahead_(most_ahead) {}

  Lookup look_up(const MicrobatchId& id) const;
  Slot open(const MicrobatchId& id, const Group& group);
  /// Applied before this node restarted, and in its weights: neither drawn nor applied by this
  /// instance, so it is in no account. What look_up() calls kUnknown.
  Slot open_applied(const MicrobatchId& id);
  /// To the next life; kBackwarding → kApplied is what counts as applied.
  void move(Slot slot, Life to);
  /// The entry as if it had never come: a rejected input is sent again from the start.
  void forget(Slot slot);
  void close(Slot slot);  // applied and acknowledged
  void restart();         // a new epoch: nothing drawn, nothing applied

  Entry& operator[](Slot slot) { return entries_[slot]; }
  const std::vector<Entry>& entries() const { return entries_; }  // by slot; some are not open
  Counts counts() const;
  /// All applied at or above `first`, ascending for each head.
  std::vector<Sequence> applied_from(Sequence first) const;
  /// What is closed or applied, of all heads; what was used last comes first.
  std::vector<Kept::Range> closed() const;
  /// Micro-batches of all heads below which everything is applied.
  std::uint64_t watermark() const;

  // Replicas: a stage sees some of a head's micro-batches, the head says what is closed.
  Sequence watermark(HeadIndex head) const { return applied(head).watermark(); }
  void settle_below(HeadIndex head, Sequence sequence) { account(head).settle_below(sequence); }
  /// It was forgotten here, and is applied elsewhere.
  void note_closed(const MicrobatchId& id);
  std::uint64_t handed_back() const { return handed_back_; }  // training ones forgotten, for ever

 private:
  struct HeadAccount {
    AppliedSet applied;
    std::uint64_t used = 0;  // counted
  };
  const AppliedSet& applied(HeadIndex head) const;
  AppliedSet& account(HeadIndex head);
  void give_up_account();
  void note_applied(const MicrobatchId& id);
  std::uint32_t& count(const Entry& entry);
  std::uint32_t in_flight() const;
  void free_slot(Slot slot);
  void check_conserved() const;

  std::uint32_t most_ahead_;  // of each head (AppliedSet)
  std::vector<Entry> entries_;
  std::vector<Slot> free_;
  boost::unordered_flat_map<MicrobatchId, Slot, std::hash<MicrobatchId>> index_;
  boost::container::flat_map<HeadIndex, HeadAccount> heads_;
  std::array<std::array<std::uint32_t, kLives>, 2> lives_{};  // by kind and life: open entries
  std::uint64_t uses_ = 0;
  std::uint64_t drawn_ = 0;
  std::uint64_t applied_ = 0;
  std::uint64_t handed_back_ = 0;
};

}  // namespace brigade::swarm

// The conversation about micro-batches with the stages before and after.
//
//   before                    this stage                     after
//     │ ── Forward ─────────────► │ ── Forward ─────────────► │
//     │ ◄──────────── kReceived ─ │ ◄──────────── kReceived ─ │   the activation may be released
//     │                           │ ◄───────────── Backward ─ │
//     │                           │ ─ kReceived ────────────► │
//     │ ◄───────────── Backward ─ │ ─ kApplied ─────────────► │   the gradient may be released
//
// Rules
// - An activation is kept until the receipt, then released: memory stays flat. If the next stage
//   says kMissing later, it is made again from the input, on the newest weights.
// - A gradient is kept until kApplied, since it can't be made again: its backward is spent.
// - A repeat is answered and not applied: in flight → kReceived; applied → the kept gradient again,
//   or kApplied. Every answer echoes the attempt of what it answers.
// - Messages of other epochs are released and counted, nothing more: around a new epoch they are
//   normal. Messages that the sender can't have had a reason to send feed its score.
// - At a bound: kBusy, and the sender backs off.
// - Bytes are sent again only when the peer says that it does not have them. A receipt that is late
//   is asked about with a Query: a link keeps the order of bytes and the question about them, so
//   kMissing is the truth, while repeats on time alone would fill a link that is merely slow.
// - When a link breaks, what it owed stops counting time and is asked about when a link comes up. A
//   peer that restarted knows nothing.
// - An evaluation has no ledger: its result is taken once by whoever holds its entry, and one that
//   is unknown is acknowledged, so that repeats end.
#pragma once

#include <cstdint>

#include "swarm/evaluation.hpp"
#include "swarm/hop.hpp"
#include "swarm/outbox.hpp"
#include "swarm/shared.hpp"

namespace brigade::swarm {

class Exchange : public Outbox {
 public:
  Exchange(Shared& shared, Evaluation& evaluation);

  void on(TimePoint now, const NodeId& from, const Forward& message);
  void on(TimePoint now, const NodeId& from, const Backward& message);
  void on(TimePoint now, const NodeId& from, const Receipt& receipt);
  void on(TimePoint now, const NodeId& from, const Query& query);
  void on_link_up(TimePoint now, StageIndex stage);
  void on_link_down(const NodeId& peer);
  /// Repeats and asks what is due.
  void on_time(TimePoint now);
  TimePoint next_due() const { return timers_.next(); }

  // What the engine made.
  void send_activation(TimePoint now, Slot slot, const Payload& output) override;
  void send_gradient(TimePoint now, Slot slot, const Payload& gradient) override;
  void send_result(TimePoint now, Slot slot) override;
  void reject(TimePoint now, Slot slot, Direction direction, const std::string& why) override;
  /// The run is over: everything is applied at every stage, so nobody will ask for what is kept,
  /// and nothing is taken in any more.
  void finish();

  std::uint64_t repeats() const { return repeats_; }
  std::uint64_t duplicates() const { return duplicates_; }
  std::uint64_t strays() const { return strays_; }  // messages of another epoch

 private:
  StageIndex before() const { return StageIndex{shared_.options.stage.value() - 1}; }
  StageIndex after() const { return shared_.options.stage.next(); }
  StageIndex target(const Entry& entry) const {
    return entry.direction() == Direction::kForward ? after() : before();
  }
  bool is_from_before(const NodeId& peer) const;
  bool is_from_after(const NodeId& peer) const;
  void blame(const NodeId& peer, const char* what);
  void discard(const Payload& payload);
  void answer(const NodeId& to, const MicrobatchId& id, Direction direction, Attempt attempt,
              Receipt::Kind kind);

  const char* fault_of(const Forward& message) const;
  void accept(const NodeId& from, const Forward& message);
  void on_result(TimePoint now, const NodeId& from, const Backward& message, Slot slot);
  void on_gradient(const NodeId& from, const Backward& message, Slot slot);
  void on_forward_receipt(TimePoint now, Slot slot, Receipt::Kind kind);
  void on_backward_receipt(TimePoint now, Slot slot, Receipt::Kind kind);
  Receipt::Kind standing_of(const Query& query, Slot slot) const;

  void wait(Slot slot, TimePoint due);
  void transmit(TimePoint now, Slot slot);
  void repeat(TimePoint now, Slot slot, const char* reason);
  void ask(TimePoint now, Slot slot);
  void settle_hop(Slot slot);  // answered for good: nothing is on its way

  Shared& shared_;
  Evaluation& evaluation_;
  Pauses pauses_;
  Throttle throttle_;
  SlotTimers timers_;
  bool is_finished_ = false;
  std::uint64_t repeats_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t strays_ = 0;
};

}  // namespace brigade::swarm

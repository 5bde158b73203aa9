// The conversation about micro-batches with the holders before and after on their paths: what
// Exchange is in a line. Forward, Receipt, Query and Backward mean the same; what differs:
//
// Rules
// - Each micro-batch has its own neighbours, those of its path. What is for a holder goes to that
//   very instance; while that is not live, it waits (the Mender decides what then).
// - The path with the newest revision holds. Who hears of a newer one takes it over: with the same
//   next holder it passes it on in a Query, with another it forwards again. Messages of an older
//   one are not answered: their sender was replaced.
// - Who may have the micro-batch already, since another holder gave it or may have given it, is
//   asked before bytes are sent.
// - A gradient is kept until kApplied, and kApplied is said when it was heard from the stage
// before:
//   it comes down from the head. Until then any holder of the path may still have to be replaced.
// - A refusal (kBusy) is kept in mind: no copy of what was refused is taken later, since its giver
//   may have given it to another. So is a proposal of another next holder whose micro-batch was let
//   go before the answer: it is not taken again, and given on, on the path that may end any moment.
// - Spent: applied here, and the gradient was given up, which is counted. Another replica is to
//   apply it; on a newer path that leads here it is taken once more: to the stage it is the same.
// - What the head has closed (floor) is let go, with or without kApplied.
// - Gradients that were kept over a restart are answered with to whoever asks this instance.
#pragma once

#include <boost/container/flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "swarm/evaluation.hpp"
#include "swarm/hop.hpp"
#include "swarm/outbox.hpp"
#include "swarm/path_finder.hpp"
#include "swarm/peer_book.hpp"
#include "swarm/restored.hpp"
#include "swarm/shared.hpp"

namespace brigade::swarm {

/// What a swarm with replicas adds to an Entry of the ledger.
struct Route {
  Path path;
  TimePoint heard_at;  // when its giver gave it, or asked about it
  // About the present next holder.
  bool is_sent = false;     // the micro-batch went to it, and it did not refuse
  bool was_held = false;    // … and it said so: it may have passed it on
  bool is_missing = false;  // it said that it does not have it
  bool is_refused = false;  // it certainly has not got it, and will not take it
  bool is_spent = false;    // … since it has applied it, and the gradient is gone
  bool was_spent = false;   // here, before it was taken once more
  // Mending.
  bool is_replanning = false;   // another one is asked for: nothing may be given to the present one
  bool is_cut = false;          // whom the hop leads to is out of contact
  bool is_told = false;         // … and the head was told
  bool is_suspended = false;    // at the head: takes no place in the window
  bool is_adopted = false;      // at the head
  bool is_abandoned = false;    // goes as soon as the engine lets go of it
  bool is_written_off = false;  // … and how that counts
  TimePoint disowned_at = kNever;  // adopted, applied: since then the giver does not know it
  Holder adopter;                  // who was asked
  std::uint8_t patience = 0;
  TimePoint retry_at;
};

class Relay : public Outbox {
 public:
  struct View {            // of this node
    bool is_open = false;  // takes new micro-batches
    Duration pace{};
  };

  Relay(Shared& shared, Evaluation& evaluation, PeerBook& peers, PathFinder& finder);
  void set_view(const View& view) { view_ = view; }

  void on(TimePoint now, const NodeId& from, const Forward& message);
  void on(TimePoint now, const NodeId& from, const Backward& message);
  void on(TimePoint now, const NodeId& from, const Receipt& receipt);
  void on(TimePoint now, const NodeId& from, const Query& query);
  /// Repeats and asks what is due.
  void on_time(TimePoint now);
  TimePoint next_due() const { return timers_.next(); }

  void send_activation(TimePoint now, Slot slot, const Payload& output) override;
  void send_gradient(TimePoint now, Slot slot, const Payload& gradient) override;
  void send_result(TimePoint now, Slot slot) override;
  void reject(TimePoint now, Slot slot, Direction direction, const std::string& why) override;
  Kept kept() const override;
  /// What was kept beside the checkpoint that the weights start from.
  void take_over(TimePoint now, const Kept& kept);
  /// At a head: applied before it restarted.
  bool was_closed(const MicrobatchId& id) const { return restored_.is_closed(id); }

  // For the head and the mender.
  Slot open(TimePoint now, const MicrobatchId& id, const Path& path);
  /// Takes over a newer revision, and passes it on.
  void redirect(TimePoint now, Slot slot, const Path& path);
  /// Tells the next holder the newest path (again).
  void pass_on(TimePoint now, Slot slot);
  /// It is given to another although a holder at `stage` may have applied it.
  void write_off(Slot slot, StageIndex stage, const char* reason);
  /// The holder that is owed something is live (again).
  void resume(TimePoint now, Slot slot);
  /// Lets go of the entry, at once or when the engine does.
  void drop(Slot slot, bool is_written_off, const char* reason);
  void drop_abandoned(TimePoint now);
  /// `at`: when the head said so.
  void note_floor(TimePoint at, HeadIndex head, Sequence floor);
  /// Its head has closed it.
  void settle(Slot slot, const char* reason);
  /// Tells the path finder who holds how many: what it counts itself can drift.
  void recount(TimePoint now);
  /// Lets go of what heads have closed.
  void settle_floors(TimePoint now);
  /// Everything: this node leaves.
  void finish();
  void report(Slot slot, PathReported::Kind kind, StageIndex stage, const char* reason);

  /// Since the last call a message brought something: a micro-batch, a gradient, an awaited
  /// receipt.
  bool take_use() { return std::exchange(has_use_, false); }
  /// Since the last call something could not be given to whom it was for.
  bool take_trouble() { return std::exchange(has_trouble_, false); }

  Offer offer(TimePoint now) const;
  struct HeardFloor {
    Sequence floor;
    TimePoint at;
    bool is_settled = false;  // what is below was let go, the ledger's account included
  };
  using Floors = boost::container::flat_map<HeadIndex, HeardFloor>;
  const Floors& floors() const { return floors_; }
  Route& route(Slot slot) { return routes_[slot]; }
  bool may_hold_next(Slot slot) const;
  /// The path's head is not the one that drew it.
  bool is_adopted(Slot slot) const;
  StageIndex before() const { return StageIndex{shared_.options.stage.value() - 1}; }
  StageIndex after() const { return shared_.options.stage.next(); }
  const Holder& holder_after(Slot slot) const { return routes_[slot].path.at(after()); }
  const Holder& holder_before(Slot slot) const { return routes_[slot].path.at(before()); }

  std::uint64_t repeats() const { return repeats_; }
  std::uint64_t duplicates() const { return duplicates_; }
  std::uint64_t written_off() const { return written_off_; }
  std::uint32_t suspended() const;
  std::uint32_t kept_unasked() const { return restored_.unasked(); }

 private:
  using Refusal = std::pair<std::uint32_t, Attempt>;  // revision, attempt

  /// As the ledger's; what was kept over a restart is opened.
  Ledger::Lookup look_up(TimePoint now, const MicrobatchId& id, const Path& path);
  void begin_route(TimePoint now, Slot slot, const Path& path);
  bool is_spent(const MicrobatchId& id) const;  // applied here, and the gradient is gone
  bool is_for_this(TimePoint now, const NodeId& from, const MicrobatchId& id, const Path& path);
  void blame(const NodeId& peer, const char* what, std::string detail = {});
  void discard(const Payload& payload);
  void answer(const NodeId& to, const MicrobatchId& id, Direction direction, Attempt attempt,
              Receipt::Kind kind, Offer offer = {});
  bool refuses(const Forward& message) const;
  void note_refusal(const MicrobatchId& id, const Refusal& refusal);
  void refuse(TimePoint now, const NodeId& from, const Forward& message);
  void on_again(TimePoint now, const NodeId& from, const Forward& message, Slot slot);
  void on_gradient(TimePoint now, const NodeId& from, const Backward& message, Slot slot);
  void on_forward_receipt(TimePoint now, Slot slot, Receipt::Kind kind);
  void on_backward_receipt(TimePoint now, Slot slot, Receipt::Kind kind);
  Receipt::Kind standing_of(const Query& query, Slot slot) const;
  void on_refused(TimePoint now, Slot slot);
  void close(Slot slot);
  void settle_below_floors(std::optional<HeadIndex> only = std::nullopt);
  bool is_own(HeadIndex head) const { return shared_.is_head() && head == shared_.options.head; }

  const Holder& target(Slot slot) const;
  void wait(Slot slot, TimePoint due);
  void transmit(TimePoint now, Slot slot);
  void repeat(TimePoint now, Slot slot, const char* reason);
  void ask(TimePoint now, Slot slot);
  void settle_hop(Slot slot);

  Shared& shared_;
  Evaluation& evaluation_;
  PeerBook& peers_;
  PathFinder& finder_;
  View view_;
  Pauses pauses_;
  Throttle throttle_;
  SlotTimers timers_;
  std::vector<Route> routes_;  // by slot
  std::vector<Slot> abandoned_;
  Floors floors_;
  std::map<MicrobatchId, Refusal> refusals_;
  std::map<MicrobatchId, std::uint32_t> spent_;  // by this instance, on the path of that revision
  Restored restored_;
  bool is_finished_ = false;
  bool has_trouble_ = false;
  bool has_use_ = false;
  std::uint64_t repeats_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t written_off_ = 0;
};

}  // namespace brigade::swarm

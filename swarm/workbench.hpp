// What the compute engine does: one task at a time, and what follows from each answer.
//
// Rules
// - Order: restore, update, snapshot, then what TaskQueue says. An update comes right after the
//   backward that completes it, so that nothing is computed on weights that could be newer; a
//   snapshot right after an update, when no gradient is half accumulated.
// - Replicas: a share of the weights is taken, or blended in, at any other moment, though never
//   twice in a row while there is something to train.
// - The gradient goes upstream before the update: the stage before works while this one updates.
// - A new epoch makes the outstanding answer worthless, not the engine free: the task is orphaned,
//   what it uses is released with its answer, and the next task waits for that.
// - At the end of the epoch, and when time runs out, a partial group is updated with its own mean.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "swarm/event.hpp"
#include "swarm/node.hpp"
#include "swarm/outbox.hpp"
#include "swarm/shared.hpp"
#include "swarm/staleness_meter.hpp"

namespace brigade::swarm {

class Workbench {
 public:
  Workbench(Shared& shared, Outbox& outbox);

  /// Drops everything of the epoch before; the next task restores what the new one starts from.
  void enter_epoch();
  void snapshot(const CheckpointId& checkpoint) { snapshot_due_ = checkpoint; }
  /// No more forwards and backwards: what is accumulated is updated, then only snapshots.
  void wind_up() { is_winding_up_ = true; }
  void go_on() { is_winding_up_ = false; }  // something has come after all

  /// The engine being free: starts what comes before all else, a restore, update or snapshot.
  bool start_due();
  /// Nothing being due: starts what the queue says, if there is anything.
  bool start_queued();
  /// Nothing being due: a RunShare or RunBlend.
  void start_averaging(Action task) { begin(Task::kAverage, std::move(task)); }
  /// Why start_queued() had nothing to start.
  const char* waiting_for() const { return waiting_for_; }

  void on(TimePoint now, const ForwardDone& answer);
  void on(TimePoint now, const BackwardDone& answer);
  void on(TimePoint now, const InputRejected& answer);
  void on(const UpdateDone& answer);
  void on(const SnapshotTaken& answer);
  void on(const ShareTaken& answer);
  void on(const Blended& answer);
  /// False: the answer is to an epoch that is over.
  bool on(const RestoreDone& answer);

  bool is_computing() const { return task_ != Task::kNone; }
  bool is_forwarding() const { return task_ == Task::kForward; }
  Slot slot() const { return slot_; }  // of the forward or backward
  bool is_restored() const { return is_restored_; }
  /// Right after an update: everything applied is in the weights.
  bool is_at_cut() const { return is_restored_ && accumulated_ == 0; }
  bool is_winding_up() const { return is_winding_up_; }
  bool has_just_averaged() const { return last_ == Task::kAverage; }
  /// Micro-batches of this epoch applied before the last update.
  std::uint64_t in_weights() const { return shared_.ledger.counts().applied - accumulated_; }
  Version version() const { return version_; }
  const StalenessMeter& meter() const { return meter_; }
  /// What it and the ledger know, of a line and of replicas alike.
  void fill(Status& status) const;

 private:
  enum class Task : std::uint8_t {
    kNone,
    kRestore,
    kUpdate,
    kSnapshot,
    kForward,
    kBackward,
    kAverage
  };

  void begin(Task task, Action action);
  /// Ends the outstanding task, which was `task`; false if it was orphaned.
  bool end(Task task);
  bool is_update_due() const;
  void begin_update();
  std::uint64_t schedule_place() const;
  void begin_snapshot();
  void begin_forward(Slot slot);
  void begin_backward(Slot slot);
  void on_tail_forward(TimePoint now, Slot slot, const LossSum& loss);
  void on_again_answered(TimePoint now, Slot slot);

  Shared& shared_;
  Outbox& outbox_;
  StalenessMeter meter_;

  Task task_ = Task::kNone;
  Task last_ = Task::kNone;  // the one before
  Slot slot_ = 0;            // of a forward or backward
  bool is_orphaned_ = false;
  Payload held_[2];  // of an orphaned task: released with its answer

  bool is_restore_due_ = false;
  bool is_restored_ = false;
  bool is_winding_up_ = false;
  std::optional<CheckpointId> snapshot_due_;
  std::uint32_t accumulated_ = 0;  // micro-batches applied since the last update
  Version version_;
  const char* waiting_for_ = "";
};

}  // namespace brigade::swarm

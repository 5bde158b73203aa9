#include "swarm/workbench.hpp"

#include <utility>

#include "base/check.hpp"

namespace brigade::swarm {

Workbench::Workbench(Shared& shared, Outbox& outbox)
    : shared_(shared), outbox_(outbox), meter_(shared.options) {}

void Workbench::enter_epoch() {
  if (task_ == Task::kForward || task_ == Task::kBackward) {
    if (!is_orphaned_) {
      Entry& entry = shared_.ledger[slot_];
      held_[0] = std::exchange(entry.input, Payload{});
      held_[1] = std::exchange(entry.gradient, Payload{});
    }
  }
  is_orphaned_ = is_computing();
  for (Slot slot = 0; slot < shared_.ledger.entries().size(); ++slot) {
    Entry& entry = shared_.ledger[slot];
    if (!entry.is_open) continue;
    shared_.actions.release(entry.input);
    shared_.actions.release(entry.gradient);
    shared_.actions.release(entry.outgoing);
  }
  shared_.ledger.restart();
  shared_.tasks.restart();
  meter_.restart();
  snapshot_due_.reset();
  accumulated_ = 0;
  is_restored_ = false;
  is_restore_due_ = true;
}

// ---- starting -----------------------------------------------------------------------------------

bool Workbench::start_due() {
  waiting_for_ = "";
  if (std::exchange(is_restore_due_, false)) {
    begin(Task::kRestore, RunRestore{shared_.epoch.from, shared_.epoch.epoch});
    return true;
  }
  if (!is_restored_) return false;
  if (is_update_due()) {
    begin_update();
    return true;
  }
  if (snapshot_due_ && accumulated_ == 0) {
    begin_snapshot();
    return true;
  }
  return false;
}

bool Workbench::start_queued() {
  if (!is_restored_ || is_winding_up_) return false;
  const TaskQueue::Pick pick = shared_.tasks.take();
  waiting_for_ = pick.reason;
  if (pick.kind == TaskQueue::Pick::Kind::kForward) begin_forward(pick.slot);
  if (pick.kind == TaskQueue::Pick::Kind::kBackward) begin_backward(pick.slot);
  return is_computing();
}

void Workbench::begin(Task task, Action action) {
  task_ = task;
  shared_.actions.push(std::move(action));
}

bool Workbench::is_update_due() const {
  if (accumulated_ == 0) return false;
  const auto& final_count = shared_.epoch.final_count;
  const bool is_last = final_count && shared_.ledger.watermark() >= *final_count;
  return is_winding_up_ || is_last ||
         shared_.tasks.is_update_due(accumulated_, meter_.microbatches_an_update());
}

void Workbench::begin_update() {
  begin(Task::kUpdate, RunUpdate{version_, accumulated_, meter_.delay_microbatches(),
                                 meter_.staleness_updates(), schedule_place()});
}

std::uint64_t Workbench::schedule_place() const {
  const bool is_by_microbatches =
      shared_.options.accumulate_follows || shared_.options.has_replicas;
  if (!is_by_microbatches) return version_.value();
  return (shared_.reached() - 1) / shared_.options.accumulate;
}

void Workbench::begin_snapshot() {
  const CheckpointId checkpoint = *snapshot_due_;
  snapshot_due_.reset();
  if (shared_.options.has_replicas) {  // who starts from it draws anew: it has another instance
    return begin(Task::kSnapshot, RunSnapshot{checkpoint, version_, {}, {}, outbox_.kept()});
  }
  const Sequence next{checkpoint.position - shared_.epoch.from.position};
  begin(Task::kSnapshot,
        RunSnapshot{checkpoint, version_, shared_.ledger.applied_from(next), next, {}});
}

void Workbench::begin_forward(Slot slot) {
  shared_.ledger.move(slot, Life::kForwarding);
  const Entry& entry = shared_.ledger[slot];
  slot_ = slot;
  begin(Task::kForward, RunForward{entry.id, entry.input, entry.is_train()});
}

void Workbench::begin_backward(Slot slot) {
  shared_.ledger.move(slot, Life::kBackwarding);
  const Entry& entry = shared_.ledger[slot];
  slot_ = slot;
  begin(Task::kBackward, RunBackward{entry.id, entry.input, entry.gradient});
}

// ---- answers ------------------------------------------------------------------------------------

bool Workbench::end(Task task) {
  BRIGADE_CHECK(task_ == task, "the driver answered a task that is not outstanding");
  last_ = std::exchange(task_, Task::kNone);
  if (!std::exchange(is_orphaned_, false)) return true;
  shared_.actions.release(held_[0]);
  shared_.actions.release(held_[1]);
  return false;
}

void Workbench::on(TimePoint now, const ForwardDone& answer) {
  if (!end(Task::kForward)) {
    Payload output = answer.output;
    return shared_.actions.release(output);
  }
  Entry& entry = shared_.ledger[slot_];
  BRIGADE_CHECK(entry.id == answer.id && answer.output.is_empty() == shared_.is_tail(),
                to_string(answer.id));
  entry.applied_then = shared_.ledger.counts().applied;
  entry.version_then = version_;
  const bool is_first = !std::exchange(entry.was_forwarded, true);
  if (is_first && entry.is_train()) shared_.tasks.on_forwarded();
  if (shared_.is_tail()) return on_tail_forward(now, slot_, answer.loss);
  if (entry.has_answer) {  // it came meanwhile: nothing to send any more
    Payload output = answer.output;
    shared_.actions.release(output);
    return on_again_answered(now, slot_);
  }
  shared_.ledger.move(slot_, Life::kForwarded);
  outbox_.send_activation(now, slot_, answer.output);
}

void Workbench::on_tail_forward(TimePoint now, Slot slot, const LossSum& loss) {
  Entry& entry = shared_.ledger[slot];
  entry.loss = loss;
  entry.has_answer = true;
  on_again_answered(now, slot);
}

void Workbench::on_again_answered(TimePoint now, Slot slot) {
  if (!shared_.ledger[slot].is_train()) return outbox_.send_result(now, slot);
  shared_.ledger.move(slot, Life::kBackwardQueued);
  shared_.tasks.push_backward(slot, shared_.ledger[slot]);
}

void Workbench::on(TimePoint now, const BackwardDone& answer) {
  if (!end(Task::kBackward)) {
    Payload gradient = answer.gradient;
    return shared_.actions.release(gradient);
  }
  Entry& entry = shared_.ledger[slot_];
  BRIGADE_CHECK(entry.id == answer.id && answer.gradient.is_empty() == shared_.is_head(),
                to_string(answer.id));
  const std::uint64_t applied_before = shared_.ledger.counts().applied;
  meter_.note(applied_before - entry.applied_then, version_.value() - entry.version_then.value());
  shared_.ledger.move(slot_, Life::kApplied);
  shared_.tasks.on_applied();
  shared_.stage_position.on_applied();
  ++accumulated_;
  if (shared_.is_head()) {
    shared_.actions.push(StepReported{entry.id, shared_.reached(), entry.loss});
  }
  outbox_.send_gradient(now, slot_, answer.gradient);
}

void Workbench::on(TimePoint now, const InputRejected& answer) {
  const bool is_forward = answer.direction == Direction::kForward;
  if (!end(is_forward ? Task::kForward : Task::kBackward)) return;
  BRIGADE_CHECK(shared_.ledger[slot_].id == answer.id, to_string(answer.id));
  outbox_.reject(now, slot_, answer.direction, answer.reason);
}

void Workbench::on(const UpdateDone& answer) {
  if (!end(Task::kUpdate)) return;
  version_ = answer.version;
  accumulated_ = 0;
}

void Workbench::on(const SnapshotTaken& answer) {
  end(Task::kSnapshot);  // sound even if its epoch is over
  shared_.actions.push(StoreSnapshot{answer.checkpoint});
}

void Workbench::on(const ShareTaken&) {
  end(Task::kAverage);
}

void Workbench::on(const Blended&) {
  end(Task::kAverage);
}

bool Workbench::on(const RestoreDone& answer) {
  if (!end(Task::kRestore)) return false;
  is_restored_ = answer.succeeded;
  version_ = answer.version;
  return true;
}

void Workbench::fill(Status& status) const {
  const Ledger::Counts counts = shared_.ledger.counts();
  status.from = shared_.epoch.from;
  status.drawn = counts.drawn;
  status.applied = counts.applied;
  status.in_flight = counts.in_flight;
  status.forwarded = counts.forwarded;
  status.waiting_gradients = counts.waiting_gradients;
  status.kept_gradients = counts.kept_gradients;
  status.version = version_;
  status.staleness_mean = meter_.staleness_updates();
  status.staleness_max = meter_.staleness_max();
  status.staleness_histogram = meter_.histogram();
  status.is_computing = is_computing();
}

}  // namespace brigade::swarm

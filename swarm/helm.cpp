#include "swarm/helm.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

/// At the start; 0: the schedule has none.
std::uint32_t first_window(const Options& options) {
  if (options.schedule != Schedule::kAsync || options.lock_step) return 0;
  return options.window > 0 ? options.window : std::min(options.stages, limits::kMaxWindow);
}

}  // namespace

Helm::Helm(Shared& shared, Evaluation& evaluation)
    : shared_(shared),
      evaluation_(evaluation),
      draw_(shared.options),
      window_(first_window(shared.options)) {
  draw_.set_window(window_);
  if (window_ > 0 && shared.options.window == 0)
    control_.emplace(window_, most_found_window(shared.options.stages));
}

void Helm::enter_epoch() {
  view_ = View{};
  draw_.restart(shared_.epoch.from.position);
  evaluation_.restart(shared_.epoch.from.position);
  applied_ = 0;
  is_window_limiting_ = false;
  if (control_) control_->restart();
}

std::optional<std::uint64_t> Helm::steer() {
  if (!shared_.epoch.final_count) {
    evaluation_.on_applied(shared_.position());
  } else if (view_.is_line_drained && wants_final_evaluation()) {
    evaluation_.start_final(shared_.position());
  }
  if (const auto report = evaluation_.take_report()) shared_.actions.push(*report);
  const auto final_count = draw_.final_count(view_.is_stopping);
  if (!final_count) return std::nullopt;
  return shared_.epoch.from.position + *final_count;
}

void Helm::watch(TimePoint now) {
  if (!control_) return;
  const Ledger::Counts counts = shared_.ledger.counts();
  if (counts.applied == applied_) return;
  const auto count = static_cast<std::uint32_t>(counts.applied - applied_);
  const bool is_limiting = is_window_limiting_ && view_.is_ready && counts.evaluations == 0 &&
                           !view_.is_stopping && !shared_.epoch.final_count;
  applied_ = counts.applied;
  is_window_limiting_ = true;
  if (!control_->on_gradients(now, count, shared_.load, is_limiting)) return;
  window_ = control_->window();
  draw_.set_window(window_);
  shared_.actions.push(WindowChanged{window_, control_->busy_before(), control_->reason()});
}

bool Helm::draw() {
  if (draw_evaluation()) return true;
  const Ledger::Counts counts = shared_.ledger.counts();
  Draw::View view;
  view.is_ready = view_.is_ready;
  view.is_stopping = view_.is_stopping || shared_.epoch.final_count.has_value();
  view.is_evaluating_first =
      evaluation_.comes_first() || (shared_.options.lock_step && evaluation_.is_running());
  view.is_forward_turn = shared_.tasks.is_forward_turn();
  view.is_update_due = !view_.is_at_cut;
  view.in_flight = counts.in_flight;
  view.evaluations = counts.evaluations;
  view.watermark = shared_.ledger.watermark();
  const Draw::Decision decision = draw_.decide(view);
  waiting_for_ = decision.reason;
  if (!decision.draws) return false;
  const auto [sequence, group] = draw_.take();
  const bool is_admitted = shared_.tasks.admit(group, sequence);
  BRIGADE_CHECK(is_admitted, "the head drew against its own schedule");
  open({shared_.epoch.epoch, shared_.options.head, sequence, MicrobatchId::Kind::kTrain}, group);
  return true;
}

bool Helm::draw_evaluation() {
  const std::uint32_t most =  // as many as keep the line busy
      window_ > 0 ? window_ : std::min(shared_.options.stages, limits::kMaxWindow);
  const bool may_send = view_.is_ready && !view_.is_stopping && evaluation_.has_batch_to_send() &&
                        shared_.ledger.counts().evaluations < most;
  if (!may_send) return false;
  const Sequence batch = evaluation_.take_batch();
  open({shared_.epoch.epoch, shared_.options.head, batch, MicrobatchId::Kind::kEval},
       Group{draw_.next(), 1});
  is_window_limiting_ = false;
  return true;
}

const char* Helm::window_reason() const {
  if (control_) return control_->reason();
  return window_ > 0 ? "set by run.window" : "";
}

void Helm::open(const MicrobatchId& id, const Group& group) {
  const Slot slot = shared_.ledger.open(id, group);
  shared_.tasks.push_forward(slot, shared_.ledger[slot]);
}

bool Helm::is_done() const {
  const bool is_evaluated = !wants_final_evaluation() || evaluation_.is_final_done();
  return view_.is_line_drained && is_evaluated && shared_.ledger.counts().evaluations == 0;
}

}  // namespace brigade::swarm

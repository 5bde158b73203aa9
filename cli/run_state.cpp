#include "cli/run_state.hpp"

#include <algorithm>
#include <cmath>

namespace brigade::cli {

namespace {

constexpr double kLossMemory = 0.98;   // running mean over about 50 micro-batches
constexpr double kSpeedSpan = 10.0;    // seconds that the shown speed looks back
constexpr double kMarkInterval = 0.5;  // seconds between two points of the speed

}  // namespace

RunState::RunState(RunHeading heading) : heading_(std::move(heading)) {
  nodes_.resize(heading_.stages);
}

void RunState::on_event(double t, std::uint32_t stage, const control::WatchEvent& event) {
  if (event.has_status() && stage < nodes_.size()) nodes_[stage] = event.status();
  if (event.has_step()) on_step(t, event.step());
  if (event.has_eval()) eval_ = event.eval();
}

void RunState::on_step(double t, const control::Step& step) {
  last_ = {t, step.position(), step.tokens()};
  if (!has_step_) first_ = last_;
  has_step_ = true;
  step_ = step;
  curve_.add(step.loss());
  if (std::isfinite(step.loss())) {
    mean_weight_ = kLossMemory * mean_weight_ + (1 - kLossMemory);
    mean_loss_ += (step.loss() - mean_loss_) * (1 - kLossMemory) / mean_weight_;
  }
  if (recent_.empty() || t - recent_.back().t >= kMarkInterval) {
    recent_.push_back(last_);
  }
  while (recent_.size() > 2 && t - recent_.front().t > kSpeedSpan) recent_.pop_front();
}

double RunState::speed(const Mark& from, const Mark& to) const {
  if (to.t <= from.t || to.tokens <= from.tokens) return step_.tokens_per_s();
  return static_cast<double>(to.tokens - from.tokens) / (to.t - from.t);
}

double RunState::tokens_per_s() const {
  return recent_.empty() ? 0.0 : speed(recent_.front(), last_);
}

double RunState::mean_tokens_per_s() const {
  return speed(first_, last_);
}

std::optional<double> RunState::seconds_left(double t) const {
  if (heading_.steps == 0 || recent_.size() < 3) return std::nullopt;
  const Mark& from = recent_.front();
  const double done = static_cast<double>(step_.position() - from.position);
  const double seconds = t - from.t;
  if (done < 1 || seconds <= 0) return std::nullopt;
  const std::uint64_t left = heading_.steps - std::min(heading_.steps, step_.position());
  return static_cast<double>(left) * seconds / done;
}

bool RunState::is_at_end() const {
  return heading_.steps > 0 && step_.position() >= heading_.steps && !has_final_eval();
}

std::uint64_t RunState::tokens_at(std::uint64_t position) const {
  return position * heading_.microbatch_tokens;
}

bool RunState::is_over() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [](const control::NodeStatus& node) { return node.phase() == "over"; });
}

}  // namespace brigade::cli

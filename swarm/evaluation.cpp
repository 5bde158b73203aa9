#include "swarm/evaluation.hpp"

namespace brigade::swarm {

Evaluation::Evaluation(const Options& options)
    : every_(options.eval_every),
      batches_in_training_(options.eval_batches),
      batches_at_end_(options.final_eval_batches),
      on_resume_(options.eval_on_resume) {}

void Evaluation::restart(std::uint64_t from_position) {
  is_running_ = is_final_done_ = false;
  number_ = 0;
  next_due_ = every_ == 0 ? ~0ULL : (from_position / every_ + 1) * every_;
  if (on_resume_ && from_position > 0) start(Kind::kResume, from_position, batches_in_training_);
}

void Evaluation::start(Kind kind, std::uint64_t position, std::uint32_t batches) {
  if (!is_on_duty_) return;
  if (batches == 0) {
    is_final_done_ = is_final_done_ || kind == Kind::kFinal;
    return;
  }
  is_running_ = true;
  kind_ = kind;
  position_ = position;
  batches_ = batches;
  sent_ = done_ = 0;
  sum_ = LossSum{};
  ++number_;
}

void Evaluation::on_applied(std::uint64_t position) {
  if (position < next_due_) return;
  next_due_ = (position / every_ + 1) * every_;
  if (!is_running_) start(Kind::kPeriodic, position, batches_in_training_);
}

void Evaluation::start_final(std::uint64_t position) {
  if (!is_running_ && !is_final_done_) start(Kind::kFinal, position, batches_at_end_);
}

Sequence Evaluation::take_batch() {
  return Sequence{((number_ - 1) << kBatchBits) + sent_++};
}

void Evaluation::on_result(const LossSum& loss) {
  sum_.nats += loss.nats;
  sum_.tokens += loss.tokens;
  ++done_;
}

std::optional<EvalReported> Evaluation::take_report() {
  if (!is_running_ || done_ < batches_) return std::nullopt;
  is_running_ = false;
  const bool is_final = kind_ == Kind::kFinal;
  is_final_done_ = is_final;
  return EvalReported{position_, sum_, is_final};
}

}  // namespace brigade::swarm

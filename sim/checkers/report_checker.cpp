// What the head reports: each micro-batch once, with its own loss, and evaluations over exactly the
// batches that were run for them.
#include <set>
#include <string>
#include <variant>

#include "sim/checkers/checker.hpp"
#include "sim/stage_model.hpp"

namespace brigade::sim {
namespace {

class ReportChecker : public Checker {
 public:
  explicit ReportChecker(const CheckerContext& context) : Checker(context, "reports") {}

  void on_start(std::uint32_t host, const swarm::StartState&) override {
    if (shadow_.is_head(host)) forget();
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* step = std::get_if<swarm::StepReported>(&action)) {
      check_step(host, *step);
    } else if (const auto* eval = std::get_if<swarm::EvalReported>(&action)) {
      check_eval(host, *eval);
    } else if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
      const bool is_eval = forward->id.kind == MicrobatchId::Kind::kEval;
      if (shadow_.is_head(host) && is_eval) evaluated_.insert(forward->id);
    } else if (std::holds_alternative<swarm::RunRestore>(action) && shadow_.is_head(host)) {
      forget();
    }
  }

  void on_end() override {
    if (scenario_.ending == Ending::kFinished && scenario_.options.final_eval_batches > 0 &&
        !has_final_eval_) {
      report(0, "ended without the evaluation at the end");
    }
    if (scenario_.ending != Ending::kFinished && scenario_.ending != Ending::kStopped) return;
    if (reported_.size() != shadow_.host(0).applied) {
      report(0, "reported " + std::to_string(reported_.size()) + " of " +
                    std::to_string(shadow_.host(0).applied) + " steps of its last epoch");
    }
  }

 private:
  void forget() {
    reported_.clear();
    evaluated_.clear();
  }

  void check_step(std::uint32_t host, const swarm::StepReported& step) {
    const MicrobatchFacts* facts = shadow_.find(host, step.id);
    if (!shadow_.is_head(host) || facts == nullptr || !facts->is_backward) {
      report(host, "reported step " + to_string(step.id) + " before its backward at the head");
    }
    if (!reported_.insert(step.id.sequence).second) {
      report(host, "reported step " + to_string(step.id) + " twice");
    }
    const swarm::LossSum loss = loss_of(step.id, scenario_.tokens);
    if (step.loss.nats != loss.nats || step.loss.tokens != loss.tokens) {
      report(host, "reported a loss of " + std::to_string(step.loss.nats) + " for " +
                       to_string(step.id) + "; the tail computed " + std::to_string(loss.nats));
    }
    const std::uint64_t position = shadow_.host(host).from.position + reported_.size();
    if (step.position != position) {
      report(host, "reported " + to_string(step.id) + " as position " +
                       std::to_string(step.position) + " of the run; it is the " +
                       std::to_string(position) + "th");
    }
  }

  void check_eval(std::uint32_t host, const swarm::EvalReported& eval) {
    swarm::LossSum sum;
    for (const MicrobatchId& id : evaluated_) {
      const swarm::LossSum loss = loss_of(id, scenario_.tokens);
      sum.nats += loss.nats;
      sum.tokens += loss.tokens;
    }
    const std::uint32_t wanted =
        eval.is_final ? scenario_.options.final_eval_batches : scenario_.options.eval_batches;
    if (evaluated_.size() != wanted || sum.tokens != eval.loss.tokens ||
        sum.nats != eval.loss.nats) {
      report(host, "reported an evaluation of " + std::to_string(eval.loss.tokens) +
                       " tokens and " + std::to_string(eval.loss.nats) + " nats; " +
                       std::to_string(evaluated_.size()) + " of " + std::to_string(wanted) +
                       " batches were run, with " + std::to_string(sum.tokens) + " and " +
                       std::to_string(sum.nats));
    }
    has_final_eval_ = has_final_eval_ || eval.is_final;
    evaluated_.clear();
  }

  std::set<Sequence> reported_;       // of the head's epoch
  std::set<MicrobatchId> evaluated_;  // drawn for the evaluation that runs
  bool has_final_eval_ = false;
};

}  // namespace

CheckerPtr make_report_checker(const CheckerContext& context) {
  return std::make_unique<ReportChecker>(context);
}

}  // namespace brigade::sim

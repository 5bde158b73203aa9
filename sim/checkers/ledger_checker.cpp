// Every micro-batch ends exactly once at every stage in every epoch: drawn in order, forwarded from
// what the stage before sent, its backward run once, and nothing of another epoch touches it.
#include <string>
#include <variant>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class LedgerChecker : public Checker {
 public:
  explicit LedgerChecker(const CheckerContext& context) : Checker(context, "ledger") {}

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
      check_forward(host, *forward);
    } else if (const auto* backward = std::get_if<swarm::RunBackward>(&action)) {
      check_backward(host, *backward);
    } else if (const auto* send = std::get_if<swarm::Send>(&action)) {
      check_send(host, send->message);
    }
  }

  void on_end() override {
    if (scenario_.ending == Ending::kSaved || scenario_.ending == Ending::kBlocked) return;
    const HostFacts& head = shadow_.host(0);
    for (std::uint32_t host = 0; host < shadow_.hosts(); ++host) {
      const HostFacts& facts = shadow_.host(host);
      if (!facts.has_epoch) continue;  // came back when all was done; the final checkpoint is there
      if (facts.updated != head.seen || facts.epoch != head.epoch) {
        report(host, "ended with " + std::to_string(facts.applied) +
                         " micro-batches applied in "
                         "epoch " +
                         std::to_string(facts.epoch.value()) + "; the head drew " +
                         std::to_string(head.seen) + " in epoch " +
                         std::to_string(head.epoch.value()));
      }
    }
    const std::uint64_t position = head.from.position + head.applied;
    if (scenario_.ending == Ending::kFinished && position != scenario_.options.steps) {
      report(0, "ended at position " + std::to_string(position) + " of " +
                    std::to_string(scenario_.options.steps) + " steps");
    }
  }

 private:
  bool check_epoch(std::uint32_t host, const MicrobatchId& id, const char* what) const {
    const HostFacts& facts = shadow_.host(host);
    if (facts.has_epoch && facts.epoch == id.epoch) return true;
    report(host, "micro-batch " + to_string(id) + " was " + what + " in epoch " +
                     std::to_string(facts.epoch.value()));
    return false;
  }

  void check_forward(std::uint32_t host, const swarm::RunForward& forward) const {
    if (!check_epoch(host, forward.id, "forwarded")) return;
    const bool is_train = forward.id.kind == MicrobatchId::Kind::kTrain;
    if (forward.keeps != is_train) {
      report(host, "forward of " + to_string(forward.id) +
                       " keeps for a backward what it must "
                       "not, or does not keep what it must");
    }
    const MicrobatchFacts* facts = shadow_.find(host, forward.id);
    if (facts != nullptr && facts->is_backward) {
      report(host, "micro-batch " + to_string(forward.id) + " was forwarded after its backward");
    }
    if (facts != nullptr && facts->is_forwarded && facts->is_kept && !facts->is_forward_lost) {
      report(host, "micro-batch " + to_string(forward.id) +
                       " was forwarded again, although nobody lost it");
    }
    if (forward.input.is_empty() != shadow_.is_head(host)) {
      report(host, "forward of " + to_string(forward.id) +
                       " without an input, or with one at the "
                       "head");
    }
    const HostFacts& host_facts = shadow_.host(host);
    if (shadow_.is_head(host) && is_train && (facts == nullptr || !facts->is_seen) &&
        forward.id.sequence.value() != host_facts.seen) {
      report(host, "drew " + to_string(forward.id) + " as number " +
                       std::to_string(host_facts.seen) + " of its epoch");
    }
    if (shadow_.is_head(host) && is_train && scenario_.options.steps > 0 &&
        host_facts.from.position + forward.id.sequence.value() >= scenario_.options.steps) {
      report(host, "drew " + to_string(forward.id) + " past the last step");
    }
  }

  void check_backward(std::uint32_t host, const swarm::RunBackward& backward) const {
    if (!check_epoch(host, backward.id, "run backward")) return;
    const MicrobatchFacts* facts = shadow_.find(host, backward.id);
    if (backward.id.kind != MicrobatchId::Kind::kTrain) {
      report(host, "an evaluation batch was run backward: " + to_string(backward.id));
    } else if (facts == nullptr || !facts->is_kept) {
      report(host, facts != nullptr && facts->is_backward
                       ? "micro-batch " + to_string(backward.id) + " was applied twice"
                       : "backward of " + to_string(backward.id) + " without its forward");
    } else if (backward.input.id != facts->input) {
      report(host, "backward of " + to_string(backward.id) + " on another input than its forward");
    } else if (backward.gradient.is_empty() != shadow_.is_tail(host)) {
      report(host, "backward of " + to_string(backward.id) +
                       " without a gradient, or with one at "
                       "the tail");
    }
  }

  void check_send(std::uint32_t host, const swarm::Message& message) const {
    if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
      if (!check_epoch(host, forward->id, "sent forward")) return;
      const MicrobatchFacts* facts = shadow_.find(host, forward->id);
      if (facts == nullptr || !facts->is_forwarded || forward->payload.id != facts->output) {
        report(host, "sent " + to_string(forward->id) +
                         " forward with a payload that its newest "
                         "forward did not make");
      }
    } else if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
      if (!check_epoch(host, backward->id, "sent backward")) return;
      const MicrobatchFacts* facts = shadow_.find(host, backward->id);
      const bool is_train = backward->id.kind == MicrobatchId::Kind::kTrain;
      if (is_train && (facts == nullptr || !facts->is_backward)) {
        report(host, "sent a gradient of " + to_string(backward->id) + " before its backward");
      }
      if (backward->payload.is_empty() == is_train) {
        report(host, "sent " + to_string(backward->id) +
                         " backward without a gradient, or with "
                         "one for an evaluation batch");
      }
    }
  }
};

}  // namespace

CheckerPtr make_ledger_checker(const CheckerContext& context) {
  return std::make_unique<LedgerChecker>(context);
}

}  // namespace brigade::sim

// What a core says it holds it has, and what it lets go of it knows to be held by the other side:
// only the receipt of the newest attempt is believed.
#include <string>
#include <variant>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class ReceiptChecker : public Checker {
 public:
  explicit ReceiptChecker(const CheckerContext& context)
      : Checker(context, "receipts"), suspicions_(context.scenario.stages) {}

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* release = std::get_if<swarm::Release>(&action)) {
      check_release(host, release->payload);
    } else if (const auto* send = std::get_if<swarm::Send>(&action)) {
      const auto* receipt = std::get_if<swarm::Receipt>(&send->message);
      if (receipt != nullptr) check_receipt(host, *receipt);
    }
  }

  void on_settled(std::uint32_t host, const swarm::Status&) override {
    // What belongs to an epoch that the same event has ended may go without a receipt, and the
    // input of what is forgotten without a backward.
    Suspicion suspicion = std::move(suspicions_[host]);
    suspicions_[host] = {};
    if (suspicion.what.empty() || !is_training(host)) return;
    const MicrobatchFacts* facts = shadow_.find(host, suspicion.input_of);
    if (suspicion.is_input && (facts == nullptr || !facts->is_kept)) return;
    report(host, std::move(suspicion.what));
  }

 private:
  struct Suspicion {
    std::string what;
    bool is_input = false;
    MicrobatchId input_of;
  };

  bool is_training(std::uint32_t host) const {
    const swarm::Phase phase = shadow_.host(host).phase;
    return phase == swarm::Phase::kTraining || phase == swarm::Phase::kDraining;
  }

  void check_release(std::uint32_t host, PayloadId payload) {
    const PayloadFacts* facts = shadow_.find(host, payload);
    if (facts == nullptr || !is_training(host)) return;
    const MicrobatchFacts* microbatch = shadow_.find(host, facts->id);
    if (microbatch == nullptr) return;
    const bool is_superseded = payload != microbatch->output;
    const bool is_forward_safe =
        is_superseded || microbatch->is_forward_held || microbatch->has_gradient;
    if (facts->role == PayloadRole::kOutput && !is_forward_safe) {
      suspicions_[host].what =
          "released the activation of " + to_string(facts->id) + " although the newest attempt, " +
          std::to_string(microbatch->forward_attempt.value()) + ", was not received";
    }
    if (facts->role == PayloadRole::kInputGradient && !microbatch->is_backward_held) {
      suspicions_[host].what =
          "released the gradient of " + to_string(facts->id) + " although the newest attempt, " +
          std::to_string(microbatch->backward_attempt.value()) + ", was not applied";
    }
    if (facts->role == PayloadRole::kInput && microbatch->is_kept && payload == microbatch->input) {
      suspicions_[host] = {"released the input of " + to_string(facts->id) + " before its backward",
                           true, facts->id};
    }
  }

  void check_receipt(std::uint32_t host, const swarm::Receipt& receipt) const {
    const MicrobatchFacts* facts = shadow_.find(host, receipt.id);
    const bool is_forward = receipt.direction == swarm::Direction::kForward;
    if (receipt.kind == swarm::Receipt::Kind::kReceived && is_forward &&
        (facts == nullptr || !facts->is_received)) {
      report(host, "acknowledged an input that it does not have: " + to_string(receipt.id));
    }
    if (receipt.kind == swarm::Receipt::Kind::kApplied && !is_forward &&
        receipt.id.kind == MicrobatchId::Kind::kTrain &&
        (facts == nullptr || !facts->is_backward)) {
      report(host, "acknowledged a gradient that it has not applied: " + to_string(receipt.id));
    }
  }

  std::vector<Suspicion> suspicions_;
};

}  // namespace

CheckerPtr make_receipt_checker(const CheckerContext& context) {
  return std::make_unique<ReceiptChecker>(context);
}

}  // namespace brigade::sim

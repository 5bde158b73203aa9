// Every payload that a core was given is released exactly once, and none is used after that.
#include <string>
#include <variant>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class PayloadChecker : public Checker {
 public:
  explicit PayloadChecker(const CheckerContext& context) : Checker(context, "payloads") {}

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* release = std::get_if<swarm::Release>(&action)) {
      const PayloadFacts* facts = shadow_.find(host, release->payload);
      if (facts == nullptr || !facts->is_held) {
        report(host, "released payload " + std::to_string(release->payload.value()) +
                         ", which it does not hold: released twice or never given");
      } else if (shadow_.host(host).task == Task::kForward ||
                 shadow_.host(host).task == Task::kBackward) {
        check_not_in_use(host, release->payload);
      }
    } else if (const auto* send = std::get_if<swarm::Send>(&action)) {
      if (const auto* forward = std::get_if<swarm::Forward>(&send->message)) {
        check_use(host, forward->payload, forward->id, PayloadRole::kOutput, "sent forward");
      } else if (const auto* backward = std::get_if<swarm::Backward>(&send->message)) {
        check_use(host, backward->payload, backward->id, PayloadRole::kInputGradient,
                  "sent backward");
      }
    } else if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
      check_use(host, forward->input, forward->id, PayloadRole::kInput, "forwarded");
    } else if (const auto* backward = std::get_if<swarm::RunBackward>(&action)) {
      check_use(host, backward->input, backward->id, PayloadRole::kInput, "run backward on");
      check_use(host, backward->gradient, backward->id, PayloadRole::kGradient, "run backward on");
    }
  }

  void on_end() override {
    if (scenario_.ending == Ending::kSaved || scenario_.ending == Ending::kBlocked) return;
    for (std::uint32_t host = 0; host < shadow_.hosts(); ++host) {
      if (shadow_.host(host).held > 0) {
        const PayloadFacts& first = shadow_.host(host).payloads.front();
        report(host, std::to_string(shadow_.host(host).held) +
                         " payloads were never released; the first is of micro-batch " +
                         to_string(first.id));
      }
    }
  }

 private:
  void check_use(std::uint32_t host, const swarm::Payload& payload, const MicrobatchId& id,
                 PayloadRole role, const char* use) const {
    if (payload.is_empty()) return;
    const PayloadFacts* facts = shadow_.find(host, payload.id);
    if (facts == nullptr || !facts->is_held) {
      report(host, "payload " + std::to_string(payload.id.value()) + " of micro-batch " +
                       to_string(id) + " was " + use + " after its release");
    } else if (facts->id != id || facts->role != role) {
      report(host, "micro-batch " + to_string(id) + " was " + use + " a payload of micro-batch " +
                       to_string(facts->id) + " or of another kind");
    }
  }

  void check_not_in_use(std::uint32_t host, PayloadId payload) const {
    const HostFacts& facts = shadow_.host(host);
    const MicrobatchFacts* microbatch = shadow_.find(host, facts.task_id);
    if (microbatch != nullptr && microbatch->input == payload) {
      report(host, "released the input of micro-batch " + to_string(facts.task_id) +
                       " while it is being computed on");
    }
  }
};

}  // namespace

CheckerPtr make_payload_checker(const CheckerContext& context) {
  return std::make_unique<PayloadChecker>(context);
}

}  // namespace brigade::sim

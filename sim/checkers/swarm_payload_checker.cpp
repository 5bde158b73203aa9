// Every payload that a core was given is released exactly once, and none is used after that.
#include <map>
#include <string>
#include <variant>

#include "sim/checkers/swarm_checker.hpp"

namespace brigade::sim {
namespace {

class SwarmPayloadChecker : public SwarmChecker {
 public:
  SwarmPayloadChecker(const SwarmScenario& scenario, Violations& violations)
      : SwarmChecker(scenario, violations, "payloads"), held_(scenario.hosts()) {}

  void on_crash(std::uint32_t host) override { held_[host].clear(); }

  void on_event(std::uint32_t host, const swarm::Event& event) override {
    if (const auto* received = std::get_if<swarm::Received>(&event)) {
      const auto* forward = std::get_if<swarm::Forward>(&received->message);
      const auto* backward = std::get_if<swarm::Backward>(&received->message);
      if (forward != nullptr) hold(host, forward->payload, forward->id);
      if (backward != nullptr) hold(host, backward->payload, backward->id);
      const auto* share = std::get_if<swarm::Share>(&received->message);
      if (share != nullptr) hold(host, share->payload, id_of(share->round));
    } else if (const auto* share = std::get_if<swarm::ShareTaken>(&event)) {
      hold(host, share->payload, id_of(share->round));
    } else if (const auto* restored = std::get_if<swarm::RestoreDone>(&event)) {
      for (const auto& kept : restored->kept.gradients) hold(host, kept.payload, kept.id);
    } else if (const auto* forward = std::get_if<swarm::ForwardDone>(&event)) {
      hold(host, forward->output, forward->id);
    } else if (const auto* backward = std::get_if<swarm::BackwardDone>(&event)) {
      hold(host, backward->gradient, backward->id);
    }
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* release = std::get_if<swarm::Release>(&action)) {
      if (held_[host].erase(release->payload.value()) == 0) {
        report(host, "released payload " + std::to_string(release->payload.value()) +
                         ", which it does not hold: released twice or never given");
      }
    } else if (const auto* send = std::get_if<swarm::Send>(&action)) {
      const auto* forward = std::get_if<swarm::Forward>(&send->message);
      const auto* backward = std::get_if<swarm::Backward>(&send->message);
      if (forward != nullptr) check_use(host, forward->payload, forward->id);
      if (backward != nullptr) check_use(host, backward->payload, backward->id);
      const auto* share = std::get_if<swarm::Share>(&send->message);
      if (share != nullptr) check_use(host, share->payload, id_of(share->round));
    } else if (const auto* blend = std::get_if<swarm::RunBlend>(&action)) {
      check_use(host, blend->mine, id_of(blend->round));
      check_use(host, blend->theirs, id_of(blend->round));
    } else if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
      check_use(host, forward->input, forward->id);
    } else if (const auto* backward = std::get_if<swarm::RunBackward>(&action)) {
      check_use(host, backward->input, backward->id);
      check_use(host, backward->gradient, backward->id);
    }
  }

  void on_end() override {
    for (std::uint32_t host = 0; host < held_.size(); ++host) {
      if (held_[host].empty()) continue;
      report(host, std::to_string(held_[host].size()) +
                       " payloads were never released; the first is of micro-batch " +
                       to_string(held_[host].begin()->second));
    }
  }

 private:
  /// A share is not of a micro-batch: of epoch 0, where there are none.
  static MicrobatchId id_of(std::uint64_t round) {
    return {Epoch{0}, HeadIndex{0}, Sequence{round}, MicrobatchId::Kind::kTrain};
  }
  void hold(std::uint32_t host, const swarm::Payload& payload, const MicrobatchId& id) {
    if (!payload.is_empty()) held_[host].emplace(payload.id.value(), id);
  }
  void check_use(std::uint32_t host, const swarm::Payload& payload, const MicrobatchId& id) const {
    if (payload.is_empty()) return;
    const auto found = held_[host].find(payload.id.value());
    if (found != held_[host].end() && found->second == id) return;
    report(host, "used payload " + std::to_string(payload.id.value()) + " for " + to_string(id) +
                     ", which it does not hold, or holds for another");
  }

  std::vector<std::map<std::uint64_t, MicrobatchId>> held_;
};

}  // namespace

SwarmCheckerPtr make_swarm_payload_checker(const SwarmScenario& scenario, Violations& violations) {
  return std::make_unique<SwarmPayloadChecker>(scenario, violations);
}

}  // namespace brigade::sim

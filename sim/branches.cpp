#include "sim/branches.hpp"

#include <variant>

namespace brigade::sim {
namespace {

void count_received(const Shadow& shadow, std::uint32_t host, const swarm::Message& message,
                    BranchCounts& counts) {
  const auto is_old = [&](const MicrobatchId& id) {
    return shadow.host(host).has_epoch && id.epoch < shadow.host(host).epoch;
  };
  if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
    const MicrobatchFacts* facts = shadow.find(host, forward->id);
    if (facts != nullptr && facts->is_received) counts.add(Branch::kDuplicateForward);
    if (is_old(forward->id)) counts.add(Branch::kOldEpochMessage);
  } else if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
    const MicrobatchFacts* facts = shadow.find(host, backward->id);
    if (facts != nullptr && facts->is_backward) counts.add(Branch::kDuplicateGradient);
    if (is_old(backward->id)) counts.add(Branch::kOldEpochMessage);
  } else if (const auto* receipt = std::get_if<swarm::Receipt>(&message)) {
    const MicrobatchFacts* facts = shadow.find(host, receipt->id);
    if (is_old(receipt->id)) counts.add(Branch::kOldEpochMessage);
    if (facts == nullptr) return;
    const bool is_forward = receipt->direction == swarm::Direction::kForward;
    const Attempt newest = is_forward ? facts->forward_attempt : facts->backward_attempt;
    if (receipt->attempt < newest) counts.add(Branch::kStaleReceipt);
  }
}

Branch answer_branch(swarm::Receipt::Kind kind) {
  switch (kind) {
    case swarm::Receipt::Kind::kReceived:
      return Branch::kAnsweredReceived;
    case swarm::Receipt::Kind::kApplied:
      return Branch::kAnsweredApplied;
    case swarm::Receipt::Kind::kMissing:
      return Branch::kAnsweredMissing;
    case swarm::Receipt::Kind::kBusy:
      return Branch::kAnsweredBusy;
    case swarm::Receipt::Kind::kRejected:
    case swarm::Receipt::Kind::kSpent:  // replicas only
      return Branch::kAnsweredRejected;
  }
  return Branch::kAnsweredRejected;
}

void count_sent(const Shadow& shadow, std::uint32_t host, const swarm::Message& message,
                BranchCounts& counts) {
  if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
    const MicrobatchFacts* facts = shadow.find(host, forward->id);
    if (facts != nullptr && facts->forward_attempt.value() > 0 &&
        forward->attempt > facts->forward_attempt) {
      counts.add(Branch::kForwardRepeated);
    }
  } else if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
    const MicrobatchFacts* facts = shadow.find(host, backward->id);
    if (facts != nullptr && facts->backward_sends > 0) counts.add(Branch::kGradientRepeated);
  } else if (const auto* receipt = std::get_if<swarm::Receipt>(&message)) {
    counts.add(answer_branch(receipt->kind));
  } else if (std::holds_alternative<swarm::Query>(message)) {
    counts.add(Branch::kQueried);
  }
}

}  // namespace

const char* to_string(Branch branch) {
  static constexpr std::array<const char*, kBranches> kNames = {
      "forward repeated",
      "gradient repeated from what was kept",
      "forwarded again",
      "duplicate forward received",
      "duplicate gradient received",
      "query sent",
      "answered received",
      "answered applied",
      "answered missing",
      "answered busy",
      "answered rejected",
      "forward input rejected",
      "gradient rejected",
      "stale receipt received",
      "message of an old epoch received",
      "snapshot with micro-batches applied ahead",
      "store failed",
      "restore failed",
      "checkpoint removed",
      "partial group updated",
      "epoch healed",
      "head restarted",
      "link down with micro-batches in flight",
      "stop requested"};
  return kNames[static_cast<std::size_t>(branch)];
}

void count_branches(const Shadow& shadow, std::uint32_t host, const swarm::Event& event,
                    BranchCounts& counts) {
  if (const auto* received = std::get_if<swarm::Received>(&event)) {
    count_received(shadow, host, received->message, counts);
  } else if (const auto* rejected = std::get_if<swarm::InputRejected>(&event)) {
    counts.add(rejected->direction == swarm::Direction::kForward ? Branch::kForwardRejected
                                                                 : Branch::kGradientRejected);
  } else if (const auto* stored = std::get_if<swarm::SnapshotStored>(&event)) {
    if (!stored->succeeded) counts.add(Branch::kStoreFailed);
  } else if (const auto* restored = std::get_if<swarm::RestoreDone>(&event)) {
    if (!restored->succeeded) counts.add(Branch::kRestoreFailed);
  } else if (std::holds_alternative<swarm::LinkDown>(event)) {
    const HostFacts& facts = shadow.host(host);
    if (facts.seen > facts.applied) counts.add(Branch::kLinkDownInFlight);
  } else if (std::holds_alternative<swarm::StopRequested>(event)) {
    counts.add(Branch::kStopped);
  }
}

void count_branches(const Scenario& scenario, const Shadow& shadow, std::uint32_t host,
                    const swarm::Action& action, BranchCounts& counts) {
  if (const auto* send = std::get_if<swarm::Send>(&action)) {
    count_sent(shadow, host, send->message, counts);
  } else if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
    const MicrobatchFacts* facts = shadow.find(host, forward->id);
    if (facts != nullptr && facts->forward_runs > 0) counts.add(Branch::kForwardedAgain);
  } else if (const auto* snapshot = std::get_if<swarm::RunSnapshot>(&action)) {
    if (!snapshot->applied_ahead.empty()) counts.add(Branch::kAppliedAhead);
  } else if (std::holds_alternative<swarm::RemoveCheckpoint>(action)) {
    counts.add(Branch::kCheckpointRemoved);
  } else if (const auto* update = std::get_if<swarm::RunUpdate>(&action)) {
    const HostFacts& facts = shadow.host(host);
    if (update->microbatches < scenario.options.accumulate) counts.add(Branch::kPartialGroup);
    if (facts.updates == 0 && facts.from.position > 0) counts.add(Branch::kEpochHealed);
  }
}

}  // namespace brigade::sim

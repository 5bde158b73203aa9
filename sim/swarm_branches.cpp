#include "sim/swarm_branches.hpp"

#include <algorithm>
#include <string_view>
#include <variant>

namespace brigade::sim {

const char* to_string(SwarmBranch branch) {
  static constexpr std::array<const char*, kSwarmBranches> kNames = {
      "kept gradient given to another holder",
      "gradient kept over a restart",
      "path mended",
      "path mended before it was given",
      "orphan adopted",
      "suspended",
      "resumed",
      "handed back",
      "written off",
      "refused",
      "spent",
      "older path received",
      "lost instance passed on",
      "asked before giving",
      "evaluated",
      "left when drained",
      "left at the deadline",
      "averaged",
      "not now",
      "share rejected",
      "late answer",
      "checkpoint stored",
      "checkpoint not stored",
      "checkpoint removed",
      "taken up again"};
  return kNames[static_cast<std::size_t>(branch)];
}

void SwarmBranches::on_crash(std::uint32_t host) {
  hosts_.erase(host);
}

void SwarmBranches::on_event(std::uint32_t host, const swarm::Event& event) {
  if (const auto* blended = std::get_if<swarm::Blended>(&event)) {
    add(blended->succeeded ? SwarmBranch::kAveraged : SwarmBranch::kShareRejected);
  } else if (const auto* stored = std::get_if<swarm::SnapshotStored>(&event)) {
    add(stored->succeeded ? SwarmBranch::kStored : SwarmBranch::kStoreFailed);
  }
  if (const auto* restored = std::get_if<swarm::RestoreDone>(&event)) {
    for (const auto& kept : restored->kept.gradients)
      if (!kept.payload.is_empty()) hosts_[host].restored.insert(kept.id);
  }
  const auto* received = std::get_if<swarm::Received>(&event);
  if (received == nullptr) return;
  const auto* share = std::get_if<swarm::Share>(&received->message);
  if (share != nullptr && share->is_answer && !share->payload.is_empty()) {
    hosts_[host].answers.insert(share->payload.id.value());
  }
  const auto* forward = std::get_if<swarm::Forward>(&received->message);
  const auto* query = std::get_if<swarm::Query>(&received->message);
  const auto* beacon = std::get_if<swarm::NodeBeacon>(&received->message);
  if (beacon != nullptr && !beacon->gone.empty()) add(SwarmBranch::kGoneTold);
  const swarm::Path* path = forward != nullptr ? &forward->path : nullptr;
  if (query != nullptr && query->direction == swarm::Direction::kForward) path = &query->path;
  if (path == nullptr) return;
  std::uint32_t& newest = hosts_[host].revisions[forward != nullptr ? forward->id : query->id];
  if (path->revision < newest) add(SwarmBranch::kOldPath);
  newest = std::max(newest, path->revision);
}

void SwarmBranches::on_sent(std::uint32_t host, const swarm::Send& send) {
  Facts& facts = hosts_[host];
  if (const auto* backward = std::get_if<swarm::Backward>(&send.message)) {
    if (facts.restored.erase(backward->id) > 0) add(SwarmBranch::kKeptOverRestart);
    const auto [sent, is_new] = facts.gradients.emplace(backward->id, send.to);
    if (!is_new && sent->second != send.to) add(SwarmBranch::kKeptForAnother);
    sent->second = send.to;
  } else if (const auto* receipt = std::get_if<swarm::Receipt>(&send.message)) {
    if (receipt->kind == swarm::Receipt::Kind::kBusy) add(SwarmBranch::kRefused);
    if (receipt->kind == swarm::Receipt::Kind::kSpent) add(SwarmBranch::kSpent);
  } else if (const auto* forward = std::get_if<swarm::Forward>(&send.message)) {
    facts.given.insert(forward->id);
  } else if (const auto* query = std::get_if<swarm::Query>(&send.message)) {
    const bool is_first =
        query->direction == swarm::Direction::kForward && !facts.given.contains(query->id);
    if (is_first) add(SwarmBranch::kAskedFirst);
  } else if (const auto* share = std::get_if<swarm::Share>(&send.message)) {
    if (share->is_answer && share->payload.is_empty()) add(SwarmBranch::kNotNow);
  }
}

void SwarmBranches::on_action(std::uint32_t host, const swarm::Action& action) {
  using Kind = swarm::PathReported::Kind;
  if (const auto* send = std::get_if<swarm::Send>(&action)) {
    on_sent(host, *send);
  } else if (const auto* blend = std::get_if<swarm::RunBlend>(&action)) {
    hosts_[host].answers.erase(blend->theirs.id.value());
  } else if (const auto* release = std::get_if<swarm::Release>(&action)) {
    if (hosts_[host].answers.erase(release->payload.value()) > 0) add(SwarmBranch::kLateAnswer);
  } else if (std::holds_alternative<swarm::RemoveCheckpoint>(action)) {
    add(SwarmBranch::kRemoved);
  } else if (const auto* said = std::get_if<swarm::PathReported>(&action)) {
    static constexpr std::array kBranchOf = {SwarmBranch::kMended,     SwarmBranch::kSuspended,
                                             SwarmBranch::kResumed,    SwarmBranch::kAdopted,
                                             SwarmBranch::kHandedBack, SwarmBranch::kWrittenOff};
    add(kBranchOf[static_cast<std::size_t>(said->kind)]);
    const bool is_before_given =
        said->kind == Kind::kMended &&
        std::string_view(said->reason).find("never got it") != std::string_view::npos;
    if (is_before_given) add(SwarmBranch::kMendedBeforeGiven);
  } else if (std::holds_alternative<swarm::EvalReported>(action)) {
    add(SwarmBranch::kEvaluated);
  } else if (const auto* phase = std::get_if<swarm::PhaseChanged>(&action)) {
    if (phase->phase != swarm::Phase::kOver) return;
    const bool is_drained = std::string_view(phase->reason) == "drained";
    add(is_drained ? SwarmBranch::kLeft : SwarmBranch::kLeftInTime);
  }
}

}  // namespace brigade::sim

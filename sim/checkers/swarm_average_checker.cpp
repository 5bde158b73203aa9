// What replicas make of each other's weights, and what they keep of their own.
//
// Of shares a node holds one of its own and one of another's at most, and at the end none is under
// way; an averaging task never comes between a backward and the update that is due, nor between two
// averaging tasks while training waits for the device (what is due is the core's to say: here, that
// `accumulate` backwards are followed by an update). Positions never fall. A checkpoint is taken
// when every backward is in the weights, is at the position that status() says, and goes only when
// enough newer ones are sound.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "sim/checkers/swarm_checker.hpp"

namespace brigade::sim {
namespace {

class SwarmAverageChecker : public SwarmChecker {
 public:
  SwarmAverageChecker(const SwarmScenario& scenario, Violations& violations)
      : SwarmChecker(scenario, violations, "average"), hosts_(scenario.hosts()) {}

  void on_start(std::uint32_t host, std::uint64_t) override { on_crash(host); }
  void on_crash(std::uint32_t host) override {  // its disk stays
    std::set<swarm::CheckpointId> sound = std::move(hosts_[host].sound);
    hosts_[host] = {};
    hosts_[host].sound = std::move(sound);
  }

  void on_event(std::uint32_t host, const swarm::Event& event) override {
    Facts& facts = hosts_[host];
    if (const auto* taken = std::get_if<swarm::ShareTaken>(&event)) {
      facts.own.insert(taken->payload.id.value());
    } else if (const auto* received = std::get_if<swarm::Received>(&event)) {
      const auto* share = std::get_if<swarm::Share>(&received->message);
      if (share != nullptr && !share->payload.is_empty()) {
        facts.others.insert(share->payload.id.value());
      }
    } else if (std::holds_alternative<swarm::BackwardDone>(event)) {
      ++facts.accumulated;
    } else if (std::holds_alternative<swarm::UpdateDone>(event)) {
      facts.accumulated = 0;
    } else if (const auto* snapshot = std::get_if<swarm::SnapshotTaken>(&event)) {
      facts.taken = snapshot->checkpoint;
    } else if (const auto* stored = std::get_if<swarm::SnapshotStored>(&event)) {
      if (stored->succeeded) facts.sound.insert(stored->checkpoint);
      facts.taken.reset();
    }
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    Facts& facts = hosts_[host];
    const bool is_averaging = std::holds_alternative<swarm::RunShare>(action) ||
                              std::holds_alternative<swarm::RunBlend>(action);
    if (const auto* release = std::get_if<swarm::Release>(&action)) {
      facts.own.erase(release->payload.value());
      facts.others.erase(release->payload.value());
    } else if (is_averaging && facts.accumulated >= scenario_.options.accumulate) {
      report(host, "averages between a backward and the update that is due");
    } else if (const auto* blend = std::get_if<swarm::RunBlend>(&action)) {
      if (!(blend->weight >= 0 && blend->weight <= 1)) report(host, "blends by no weight");
    } else if (const auto* snapshot = std::get_if<swarm::RunSnapshot>(&action)) {
      check_snapshot(host, snapshot->checkpoint);
    } else if (const auto* removed = std::get_if<swarm::RemoveCheckpoint>(&action)) {
      check_removal(host, removed->checkpoint);
    }
  }

  void on_settled(std::uint32_t host, const swarm::Status& status) override {
    Facts& facts = hosts_[host];
    if (facts.own.size() > 1 || facts.others.size() > 1) {
      report(host, "holds " + std::to_string(facts.own.size()) + " shares of its own and " +
                       std::to_string(facts.others.size()) + " of others");
    }
    if (status.position < facts.position) {
      report(host, "was at position " + std::to_string(facts.position) + " and is at " +
                       std::to_string(status.position));
    }
    facts.position = status.position;
    facts.is_averaging = status.is_averaging;
  }

  void on_end() override {
    for (std::uint32_t host = 0; host < hosts_.size(); ++host) {
      if (hosts_[host].is_averaging) report(host, "an exchange that does not end");
    }
  }

 private:
  struct Facts {
    std::set<std::uint64_t> own;  // payloads
    std::set<std::uint64_t> others;
    std::uint32_t accumulated = 0;
    std::uint64_t position = 0;
    bool is_averaging = false;
    std::optional<swarm::CheckpointId> taken;  // and not stored yet
    std::set<swarm::CheckpointId> sound;
  };

  void check_snapshot(std::uint32_t host, const swarm::CheckpointId& checkpoint) {
    const Facts& facts = hosts_[host];
    if (facts.accumulated > 0) report(host, "a snapshot of what no update has closed");
    if (facts.taken) report(host, "a snapshot while another is being stored");
    if (checkpoint.position < facts.position) {
      report(host, "a snapshot at position " + std::to_string(checkpoint.position) + " of " +
                       std::to_string(facts.position));
    }
  }

  void check_removal(std::uint32_t host, const swarm::CheckpointId& checkpoint) {
    Facts& facts = hosts_[host];
    const bool is_oldest = !facts.sound.empty() && *facts.sound.begin() == checkpoint;
    if (!is_oldest || facts.sound.size() <= scenario_.options.keep_checkpoints) {
      report(host, "removes a checkpoint that is to stay");
    }
    facts.sound.erase(checkpoint);
  }

  std::vector<Facts> hosts_;
};

}  // namespace

SwarmCheckerPtr make_swarm_average_checker(const SwarmScenario& scenario, Violations& violations) {
  return std::make_unique<SwarmAverageChecker>(scenario, violations);
}

}  // namespace brigade::sim

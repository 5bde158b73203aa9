// Exactly once over all nodes and instances of a stage.
//
// Two applications of one id at a stage are allowed only where the first one's instance has died or
// left (its progress is lost with it), or somebody said that it gives the micro-batch to another
// although a holder may have applied it (written off). After that word of its giver a holder must
// not apply what it was given before: it was out of contact for so long that it has dropped it.
// What the weights that a node started from contain it does not apply again, unless the same word
// was said.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "sim/checkers/swarm_checker.hpp"

namespace brigade::sim {
namespace {

class SwarmOnceChecker : public SwarmChecker {
 public:
  SwarmOnceChecker(const SwarmScenario& scenario, Violations& violations)
      : SwarmChecker(scenario, violations, "once"),
        instances_(scenario.hosts()),
        disks_(scenario.hosts()),
        stages_(scenario.stages) {}

  void on_start(std::uint32_t host, std::uint64_t instance) override {
    instances_[host] = instance;
    live_.insert(instance);
  }
  void on_crash(std::uint32_t host) override { live_.erase(instances_[host]); }

  void on_event(std::uint32_t host, const swarm::Event& event) override {
    Disk& disk = disks_[host];
    if (const auto* stored = std::get_if<swarm::SnapshotStored>(&event)) {
      if (stored->succeeded) disk.sound[stored->checkpoint] = disk.taken;
    } else if (const auto* restored = std::get_if<swarm::RestoreDone>(&event)) {
      const auto found = disk.sound.find(restored->checkpoint);
      disk.contained = found == disk.sound.end() ? std::set<MicrobatchId>{} : found->second;
    }
    const auto* done = std::get_if<swarm::BackwardDone>(&event);
    if (done == nullptr) return;
    if (!disk.contained.insert(done->id).second) {
      stages_[stage_of(host)][done->id].again =
          to_string(done->id) + " was applied again at host " + std::to_string(host) +
          " to weights that contained it";
    }
    Facts& facts = stages_[stage_of(host)][done->id];
    facts.appliers.push_back({host, instances_[host]});
    check(host, done->id);
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (std::holds_alternative<swarm::RunSnapshot>(action)) {
      disks_[host].taken = disks_[host].contained;
    } else if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
      const bool is_drawn =
          stage_of(host) == 0 && forward->keeps && forward->id.head.value() == instances_[host];
      if (is_drawn) drawn_.insert(forward->id);
      if (forward->keeps) begin(host, forward->id);
    } else if (const auto* backward = std::get_if<swarm::RunBackward>(&action)) {
      check_backward(host, backward->id);
    } else if (const auto* phase = std::get_if<swarm::PhaseChanged>(&action)) {
      if (phase->phase == swarm::Phase::kOver) live_.erase(instances_[host]);  // its weights leave
    } else if (const auto* said = std::get_if<swarm::PathReported>(&action)) {
      using Kind = swarm::PathReported::Kind;
      if (said->kind == Kind::kWrittenOff) {
        Facts& facts = stages_[said->stage.value()][said->id];
        ++facts.written_off;
        if (stage_of(host) + 1 == said->stage.value()) ++facts.words;
      }
      if (said->kind == Kind::kAdopted) adopted_[said->id].insert(instances_[host]);
      if (said->kind == Kind::kWrittenOff && stage_of(host) == 0 && said->stage.value() == 0) {
        adopted_[said->id].erase(instances_[host]);
      }
    }
  }

  void on_end() override {
    for (const auto& id : drawn_) {
      if (live_.contains(id.head.value())) check_everywhere(id);
    }
    for (const auto& [id, heads] : adopted_) {
      const auto is_live = [this](std::uint64_t head) { return live_.contains(head); };
      if (std::any_of(heads.begin(), heads.end(), is_live)) check_everywhere(id);
    }
    for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) {
      for (const auto& [id, facts] : stages_[stage]) {
        if (!facts.suspicious.empty() && facts.written_off == 0) report(0, facts.suspicious);
        if (!facts.again.empty() && !is_written_off(id)) report(0, facts.again);
      }
    }
  }

 private:
  struct Applier {
    std::uint32_t host;
    std::uint64_t instance;
  };
  struct Facts {
    std::vector<Applier> appliers;
    std::uint32_t written_off = 0;
    std::uint32_t words = 0;                       // of them, of givers
    std::map<std::uint64_t, std::uint32_t> begun;  // instance: words when it forwarded last
    std::string suspicious;  // unless it is written off, at the latest at the end
    std::string again;       // … anywhere
  };

  /// At any stage: where two heads have it, each may have it applied anew.
  bool is_written_off(const MicrobatchId& id) const {
    return std::ranges::any_of(stages_, [&](const auto& stage) {
      const auto found = stage.find(id);
      return found != stage.end() && found->second.written_off > 0;
    });
  }

  void begin(std::uint32_t host, const MicrobatchId& id) {
    Facts& facts = stages_[stage_of(host)][id];
    facts.begun[instances_[host]] = facts.words;
  }

  void check_backward(std::uint32_t host, const MicrobatchId& id) {
    const Facts& facts = stages_[stage_of(host)][id];
    const auto begun = facts.begun.find(instances_[host]);
    if (begun == facts.begun.end() || begun->second == facts.words) return;
    report(host, to_string(id) + " is applied after its giver gave it to another");
  }

  void check(std::uint32_t host, const MicrobatchId& id) {
    Facts& facts = stages_[stage_of(host)][id];
    std::uint32_t by_live = 0;
    std::uint32_t by_this = 0;
    for (const Applier& applier : facts.appliers) {
      if (live_.contains(applier.instance)) ++by_live;
      if (applier.instance == instances_[host]) ++by_this;
    }
    const std::string what = to_string(id) + " was applied at stage " +
                             std::to_string(stage_of(host)) + " by " + std::to_string(by_live) +
                             " live instances";
    if (by_this > 1 && facts.written_off == 0) {
      report(host, to_string(id) + " was applied twice by one instance");
    }
    if (by_live > 1 && facts.written_off == 0) facts.suspicious = what;
    // A holder that comes back late may still say it; a minute of doubles proves the rule broken.
    if (by_live > 1 + facts.written_off + kGrace) report(host, what);
  }

  void check_everywhere(const MicrobatchId& id) const {
    for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) {
      const auto found = stages_[stage].find(id);
      if (found != stages_[stage].end() && !found->second.appliers.empty()) continue;
      report(stage * scenario_.replicas, to_string(id) + " was never applied at stage " +
                                             std::to_string(stage) + ", and its head lives");
      return;
    }
  }

  static constexpr std::uint32_t kGrace = 1;

  struct Disk {
    std::set<MicrobatchId> contained;  // in the weights of the present instance
    std::set<MicrobatchId> taken;      // in the snapshot that is being stored
    std::map<swarm::CheckpointId, std::set<MicrobatchId>> sound;
  };

  std::vector<std::uint64_t> instances_;
  std::vector<Disk> disks_;
  std::set<std::uint64_t> live_;
  std::vector<std::map<MicrobatchId, Facts>> stages_;
  std::set<MicrobatchId> drawn_;
  std::map<MicrobatchId, std::set<std::uint64_t>> adopted_;
};

}  // namespace

std::vector<SwarmCheckerPtr> make_swarm_checkers(const SwarmScenario& scenario,
                                                 Violations& violations) {
  std::vector<SwarmCheckerPtr> all;
  all.push_back(make_swarm_once_checker(scenario, violations));
  all.push_back(make_swarm_payload_checker(scenario, violations));
  all.push_back(make_swarm_account_checker(scenario, violations));
  all.push_back(make_swarm_average_checker(scenario, violations));
  return all;
}

SwarmCheckerPtr make_swarm_once_checker(const SwarmScenario& scenario, Violations& violations) {
  return std::make_unique<SwarmOnceChecker>(scenario, violations);
}

}  // namespace brigade::sim

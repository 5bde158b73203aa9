// A checkpoint is a consistent cut: at every stage the state right after the update that completes
// what is below its position, plus exactly the micro-batches listed as applied ahead. What is said
// to be committed is on every disk, stays there until something newer is, and no resume goes behind
// it.
#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

using swarm::CheckpointId;

std::string to_text(const CheckpointId& checkpoint) {
  return std::to_string(checkpoint.epoch.value()) + "@" + std::to_string(checkpoint.position);
}

class CheckpointChecker : public Checker {
 public:
  explicit CheckpointChecker(const CheckerContext& context)
      : Checker(context, "checkpoints"), hosts_(context.scenario.stages) {}

  void on_start(std::uint32_t host, const swarm::StartState& start) override {
    hosts_[host] = {};
    hosts_[host].on_disk.insert(start.checkpoints.begin(), start.checkpoints.end());
  }

  void on_event(std::uint32_t host, const swarm::Event& event) override {
    if (const auto* taken = std::get_if<swarm::SnapshotTaken>(&event)) {
      hosts_[host].in_memory.insert(taken->checkpoint);
    } else if (const auto* stored = std::get_if<swarm::SnapshotStored>(&event)) {
      if (stored->succeeded) hosts_[host].on_disk.insert(stored->checkpoint);
    } else if (const auto* restored = std::get_if<swarm::RestoreDone>(&event)) {
      // It was on the disk and can't be read: what was committed is less than was thought.
      if (!restored->succeeded) hosts_[host].on_disk.erase(restored->checkpoint);
    }
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* snapshot = std::get_if<swarm::RunSnapshot>(&action)) {
      check_cut(host, *snapshot);
    } else if (const auto* store = std::get_if<swarm::StoreSnapshot>(&action)) {
      if (!hosts_[host].in_memory.contains(store->checkpoint)) {
        report(host, "wants to store " + to_text(store->checkpoint) + ", which was not taken");
      }
    } else if (const auto* remove = std::get_if<swarm::RemoveCheckpoint>(&action)) {
      check_remove(host, remove->checkpoint);
    } else if (const auto* committed = std::get_if<swarm::Committed>(&action)) {
      check_commit(host, committed->checkpoint);
    } else if (const auto* restore = std::get_if<swarm::RunRestore>(&action)) {
      check_restore(host, *restore);
    }
  }

  void on_end() override {
    if (scenario_.ending == Ending::kSaved || scenario_.ending == Ending::kBlocked) return;
    const HostFacts& head = shadow_.host(0);
    const std::uint64_t position = head.from.position + head.applied;
    if (head.from.position == position && is_everywhere(head.from)) return;  // nothing was left
    if (!has_committed_ || committed_.position != position || !is_everywhere(committed_)) {
      report(0, "ended at position " + std::to_string(position) +
                    ", but the newest committed "
                    "checkpoint is " +
                    (has_committed_ ? to_text(committed_) : "none"));
    }
  }

 private:
  struct HostDisk {
    std::set<CheckpointId> in_memory;
    std::set<CheckpointId> on_disk;
  };

  void check_cut(std::uint32_t host, const swarm::RunSnapshot& snapshot) const {
    const HostFacts& facts = shadow_.host(host);
    const std::string name = "snapshot " + to_text(snapshot.checkpoint);
    if (snapshot.checkpoint.epoch != facts.epoch && snapshot.checkpoint.position != 0) {
      report(host, name + " in epoch " + std::to_string(facts.epoch.value()));
    }
    if (!facts.pending.empty()) {
      report(host, name + " between a backward and its update");
    }
    if (snapshot.checkpoint.position != facts.from.position + snapshot.next_sequence.value()) {
      report(host, name + " leaves out sequence " + std::to_string(snapshot.next_sequence.value()) +
                       " and up, of an epoch that started at position " +
                       std::to_string(facts.from.position));
    }
    if (snapshot.version != facts.version) {
      report(host, name + " says version " + std::to_string(snapshot.version.value()) +
                       "; the weights have " + std::to_string(facts.version.value()));
    }
    check_contents(host, snapshot, name);
  }

  void check_contents(std::uint32_t host, const swarm::RunSnapshot& snapshot,
                      const std::string& name) const {
    const HostFacts& facts = shadow_.host(host);
    const std::set<Sequence> ahead(snapshot.applied_ahead.begin(), snapshot.applied_ahead.end());
    const std::uint64_t next = snapshot.next_sequence.value();
    const std::uint64_t end = std::max<std::uint64_t>(facts.train.size(), next);
    for (std::uint64_t sequence = 0; sequence < end; ++sequence) {
      const bool is_applied = sequence < facts.train.size() && facts.train[sequence].is_updated;
      const bool is_listed = sequence < next || ahead.contains(Sequence{sequence});
      if (is_applied != is_listed) {
        report(host, name + (is_applied ? " contains micro-batch " : " lacks micro-batch ") +
                         std::to_string(sequence) + (is_applied ? " and does not say so" : ""));
        return;
      }
    }
    const bool is_past_end = !ahead.empty() && ahead.rbegin()->value() >= end;
    const bool is_behind = !ahead.empty() && ahead.begin()->value() < next;
    if (is_past_end || is_behind || ahead.size() != snapshot.applied_ahead.size()) {
      report(host, name + " lists micro-batches ahead that were not applied, or lists them twice");
    }
  }

  bool is_everywhere(const CheckpointId& checkpoint) const {
    return std::all_of(hosts_.begin(), hosts_.end(),
                       [&](const HostDisk& host) { return host.on_disk.contains(checkpoint); });
  }

  void check_remove(std::uint32_t host, const CheckpointId& checkpoint) {
    const bool was_everywhere = is_everywhere(checkpoint);
    hosts_[host].on_disk.erase(checkpoint);
    const bool is_seed = checkpoint.position == 0;  // can be had again without a file
    if (!has_committed_ || checkpoint != committed_ || !was_everywhere || is_seed) return;
    for (const CheckpointId& other : hosts_[host].on_disk) {
      if (other > committed_ && is_everywhere(other)) return;  // about to be called committed
    }
    report(host, "removed " + to_text(checkpoint) + ", the newest that is on every disk");
  }

  void check_commit(std::uint32_t host, const CheckpointId& checkpoint) {
    if (!is_everywhere(checkpoint)) {
      report(host, "committed " + to_text(checkpoint) + ", which is not on every disk");
    }
    if (has_committed_ && checkpoint < committed_) {
      report(host, "committed " + to_text(checkpoint) + " after " + to_text(committed_));
    }
    committed_ = checkpoint;
    has_committed_ = true;
  }

  void check_restore(std::uint32_t host, const swarm::RunRestore& restore) {
    hosts_[host].in_memory.clear();
    if (restore.checkpoint.position != 0 && !hosts_[host].on_disk.contains(restore.checkpoint)) {
      report(host, "restores " + to_text(restore.checkpoint) + ", which is not on its disk");
    }
    if (has_committed_ && restore.checkpoint.position < committed_.position &&
        is_everywhere(committed_)) {
      report(host, "restores " + to_text(restore.checkpoint) + ", behind the committed " +
                       to_text(committed_));
    }
  }

  std::vector<HostDisk> hosts_;
  CheckpointId committed_;
  bool has_committed_ = false;
};

}  // namespace

CheckerPtr make_checkpoint_checker(const CheckerContext& context) {
  return std::make_unique<CheckpointChecker>(context);
}

}  // namespace brigade::sim

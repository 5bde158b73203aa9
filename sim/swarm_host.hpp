// One machine of a swarm with replicas: a core, a device that computes one task at a time, and
// handles for payloads. Checkpoints and what is kept beside them survive a crash, nothing else.
// While it is frozen, what is due to it waits.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "sim/event_queue.hpp"
#include "sim/stage_model.hpp"
#include "sim/swarm_scenario.hpp"
#include "swarm/action.hpp"
#include "swarm/event.hpp"
#include "swarm/node.hpp"

namespace brigade::sim {

class SwarmHost {
 public:
  SwarmHost(const SwarmScenario& scenario, std::uint32_t index, std::uint64_t seed);

  swarm::Node& node() { return *node_; }
  const swarm::Node& node() const { return *node_; }
  bool is_alive() const { return node_.has_value(); }
  std::uint32_t incarnation() const { return incarnation_; }
  std::uint64_t instance() const { return instance_; }
  /// "3:2+1+0", in flight, kept and evaluations; "-" where it is dead.
  std::string what_it_holds() const;

  void start(TimePoint now);
  void crash();

  bool is_computing() const { return task_.has_value(); }
  Duration start_task(swarm::Action task);
  /// Nothing where the core asked for the impossible.
  std::optional<swarm::Event> finish_task();
  void set_slowness(double factor) { slowness_ = factor; }
  void forget(const MicrobatchId& id) { model_.forget(id); }
  void adopt(swarm::Payload& payload);
  /// How long it takes to write it.
  Duration start_write(const swarm::CheckpointId& checkpoint);
  swarm::SnapshotStored finish_write();
  void remove(const swarm::CheckpointId& checkpoint) { disk_.erase(checkpoint); }
  /// What its weights start from: its newest checkpoint, or the seeded initialisation.
  swarm::CheckpointId newest() const;

  bool is_over = false;
  bool is_away = false;  // for good
  bool is_frozen = false;
  std::vector<Due> waiting;  // while it is frozen

 private:
  /// The bytes of payloads are their checksums: the handles are this instance's own.
  struct Checkpoint {
    Digest weights = 0;
    Version version;
    swarm::Kept kept;
  };
  swarm::RestoreDone restore(const swarm::CheckpointId& from);
  std::optional<swarm::Event> finish_averaging(const swarm::Action& task);
  swarm::Payload make_payload(Digest content);

  const SwarmScenario& scenario_;
  std::uint32_t index_;
  std::uint32_t stage_;
  std::uint64_t seed_;
  Random random_;
  double own_slowness_ = 1;
  double slowness_ = 1;
  std::optional<swarm::Node> node_;
  std::uint32_t incarnation_ = 0;
  std::uint64_t instance_ = 0;
  StageModel model_;
  std::optional<swarm::Action> task_;
  std::deque<swarm::CheckpointId> writes_;
  std::map<swarm::CheckpointId, Checkpoint> snapshots_;  // taken, not stored
  std::map<swarm::CheckpointId, Checkpoint> disk_;
  std::uint64_t next_payload_ = 1;
};

/// What a liar makes of a message; false: it keeps it to itself.
bool tell_lie(swarm::Message& message);

}  // namespace brigade::sim

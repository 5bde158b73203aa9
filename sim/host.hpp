// One simulated machine: what a daemon has beside its core. A device that computes one task at a
// time, a disk that survives crashes, and handles for the payloads that it holds.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/random.hpp"
#include "sim/models.hpp"
#include "sim/scenario.hpp"
#include "sim/stage_model.hpp"
#include "swarm/action.hpp"
#include "swarm/event.hpp"
#include "swarm/node.hpp"

namespace brigade::sim {

/// Identities of simulated nodes tell their index.
NodeId to_node_id(std::uint32_t host);
std::uint32_t to_host(const NodeId& id);

class Host {
 public:
  Host(const Scenario& scenario, std::uint32_t index, std::uint64_t seed);

  swarm::Node& node() { return *node_; }
  const swarm::Node& node() const { return *node_; }
  bool is_alive() const { return node_.has_value(); }
  bool is_over() const { return is_over_; }
  /// Over, and nothing is owed to a neighbour any more: a daemon may leave.
  bool is_settled() const;
  std::uint32_t incarnation() const { return incarnation_; }

  /// From what the disk has; the core's first actions are to be polled.
  const swarm::StartState& start(TimePoint now);
  void crash();
  void wipe();
  void set_over() { is_over_ = true; }

  // The device. start_task returns how long it takes; finish_task the event that answers it, or
  // nothing where the core asked for the impossible.
  bool is_computing() const { return task_.has_value(); }
  Duration start_task(TimePoint now, swarm::Action task);
  std::optional<swarm::Event> finish_task();
  void set_slowness(double factor) { slowness_ = factor; }
  void set_rejecting(double probability) { reject_ = probability; }

  // The disk.
  Duration start_store(const swarm::CheckpointId& checkpoint);
  swarm::Event finish_store();
  void remove(const swarm::CheckpointId& checkpoint) { stored_.erase(checkpoint); }
  void forget(const MicrobatchId& id) { model_.forget(id); }
  void set_disk_full(bool is_full) { is_disk_full_ = is_full; }

  /// Nothing fails any more, and the device has its own speed.
  void heal();

  /// Bytes that came in get a handle of this host.
  void adopt(swarm::Payload& payload);
  Digest weights() const { return model_.weights(); }

 private:
  swarm::Payload make_payload(Digest content, std::uint64_t bytes);
  std::optional<swarm::Event> finish(const swarm::RunForward& task);
  std::optional<swarm::Event> finish(const swarm::RunBackward& task);
  std::optional<swarm::Event> finish(const swarm::RunUpdate& task);
  std::optional<swarm::Event> finish(const swarm::RunSnapshot& task);
  std::optional<swarm::Event> finish(const swarm::RunRestore& task);
  template <class Task>
  std::optional<swarm::Event> finish(const Task&) {
    return std::nullopt;
  }
  bool rejects(const swarm::Payload& payload);
  bool is_tail() const { return index_ + 1 == scenario_.stages; }

  const Scenario& scenario_;
  std::uint32_t index_;
  std::uint64_t seed_;
  Random random_;
  DeviceModel device_;
  DiskModel disk_;
  double slowness_ = 1;
  double reject_ = 0;
  bool is_disk_full_ = false;

  std::optional<swarm::Node> node_;
  std::uint32_t incarnation_ = 0;
  bool is_over_ = false;

  StageModel model_;
  std::optional<swarm::Action> task_;
  std::uint64_t next_payload_ = 1;
  std::map<swarm::CheckpointId, StoredStage> snapshots_;  // in memory
  std::deque<swarm::CheckpointId> writing_;

  // What survives a crash.
  std::map<swarm::CheckpointId, StoredStage> stored_;
  Epoch max_epoch_;
  swarm::StartState start_state_;
};

}  // namespace brigade::sim

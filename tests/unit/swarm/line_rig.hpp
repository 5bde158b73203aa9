// A line of real nodes in virtual time, for conversations between few: every link takes kLink,
// every compute task kTask, disks kDisk. Tests may lose messages and break links. The rig keeps its
// own account of payloads and compute tasks and fails when the core breaks its contract.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "swarm/node.hpp"

namespace brigade::swarm::test {

inline constexpr Duration kLink = std::chrono::milliseconds{5};
inline constexpr Duration kTask = std::chrono::milliseconds{10};
inline constexpr Duration kDisk = std::chrono::milliseconds{30};

NodeId node_id(std::uint32_t stage);

struct Done {  // one thing that the engine of a stage did
  enum class What : std::uint8_t { kForward, kBackward, kUpdate, kSnapshot, kRestore };
  What what;
  MicrobatchId id;
  RunUpdate update;
  CheckpointId checkpoint;
};

class LineRig {
 public:
  /// Decides what happens to a message; default: delivered.
  using Filter = std::function<bool(std::uint32_t from, std::uint32_t to, const Message&)>;

  explicit LineRig(std::uint32_t stages, const std::function<void(Options&)>& tweak = {});

  /// Until nothing is left to happen, `until` has come, or `is_enough`.
  void run(const std::function<bool()>& is_enough, Duration at_most = std::chrono::seconds{600});
  void run_for(Duration span);
  bool is_over() const;

  void give(std::uint32_t stage, const Event& event);  // now
  void restart(std::uint32_t stage, bool keeps_disk = true);
  void break_link(std::uint32_t stage);  // between stage and the one after
  void join_link(std::uint32_t stage);
  void reject_once(std::uint32_t stage, Direction direction);

  Status status(std::uint32_t stage) const { return hosts_[stage].node->status(); }
  TimePoint now() const { return now_; }

  Filter filter;
  std::function<bool(std::uint32_t stage, const CheckpointId&)> stores;  // false: the disk is full
  std::function<bool(std::uint32_t stage, const CheckpointId&)> restores;

  std::vector<std::vector<Done>> done;              // by stage
  std::vector<std::vector<PhaseChanged>> phases;    // by stage
  std::vector<std::uint32_t> windows;               // that the head chose itself
  std::vector<std::vector<Misbehaved>> misbehaved;  // by stage
  std::vector<std::vector<Repeated>> repeated;      // by stage
  std::vector<StepReported> steps;
  std::vector<EvalReported> evaluations;
  std::vector<CheckpointId> committed;
  std::vector<std::set<CheckpointId>> disks;  // by stage

  /// Payloads that the core of a stage holds: handed to it and not released.
  std::size_t held_payloads(std::uint32_t stage) const { return hosts_[stage].held.size(); }
  /// Gradients applied to a stage's weights in an epoch, by sequence.
  std::map<std::uint64_t, int> applied(std::uint32_t stage, Epoch epoch) const;

 private:
  struct Host {
    Options options;
    std::unique_ptr<Node> node;
    std::uint64_t incarnation = 0;
    Epoch max_epoch;
    std::set<std::uint64_t> held;
    std::set<MicrobatchId> kept;  // by the engine, for backward
    bool is_computing = false;
    Version version;
    std::map<CheckpointId, Version> versions;
    std::optional<Direction> rejects;
  };

  void start(std::uint32_t stage);
  void at(Duration later, std::uint32_t stage, Event event);
  void step();
  void drain(std::uint32_t stage);
  void carry_out(std::uint32_t stage, Action action);
  void act(std::uint32_t stage, const Send& action);
  void act(std::uint32_t stage, const Release& action);
  void act(std::uint32_t stage, const RunForward& action);
  void act(std::uint32_t stage, const RunBackward& action);
  void act(std::uint32_t stage, const RunUpdate& action);
  void act(std::uint32_t stage, const RunSnapshot& action);
  void act(std::uint32_t stage, const RunRestore& action);
  void act(std::uint32_t stage, const RunShare&) { expect_line(stage); }
  void act(std::uint32_t stage, const RunBlend&) { expect_line(stage); }
  void act(std::uint32_t stage, const Forget& action);
  void act(std::uint32_t stage, const StoreSnapshot& action);
  void act(std::uint32_t stage, const RemoveCheckpoint& action);
  void act(std::uint32_t stage, const PhaseChanged& action);
  void act(std::uint32_t stage, const StepReported& action);
  void act(std::uint32_t stage, const EvalReported& action);
  void act(std::uint32_t stage, const Committed& action);
  void act(std::uint32_t stage, const WindowChanged& action);
  void act(std::uint32_t stage, const Repeated& action);
  void act(std::uint32_t stage, const Misbehaved& action);
  void act(std::uint32_t, const PathReported&) {}
  void act(std::uint32_t, const LinkWanted&) {}
  static void expect_line(std::uint32_t stage);
  void compute(std::uint32_t stage, Event answer);
  Payload make_payload(std::uint32_t stage);
  bool is_linked(std::uint32_t a, std::uint32_t b) const;

  struct Pending {
    std::uint32_t stage;
    std::uint64_t incarnation;
    Event event;
  };
  std::vector<Host> hosts_;
  std::vector<bool> links_;  // [i]: between i and i + 1
  std::multimap<TimePoint, Pending> pending_;
  TimePoint now_{};
  std::uint64_t next_payload_ = 1;
};

}  // namespace brigade::swarm::test

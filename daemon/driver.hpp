// Drives the core: what happens becomes an event, what the core wants becomes a send, a compute
// task or a disk job.
//
//   transport ──on_message──►┐                         ┌──► transport (send)
//   engine ────on_outcome───►│ handle(now, event) ────►├──► engine (forward, backward, update, …)
//   pool ──────(posted)─────►│   actions, in order     ├──► pool (checkpoint files, epoch)
//   timer at next_wakeup() ─►┘                         └──► reports
//
// Threading: core strand only; others post. No locks. The core is never entered from inside one of
// its own actions: whatever an action causes at once is posted.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "daemon/checkpoint_store.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/engine.hpp"
#include "daemon/payload_store.hpp"
#include "daemon/report.hpp"
#include "daemon/state_dir.hpp"
#include "daemon/transport.hpp"
#include "daemon/wakeup_timer.hpp"
#include "swarm/node.hpp"

namespace brigade::daemon {

class Driver {
 public:
  struct Parts {
    boost::asio::io_context& core;   // the core strand: run by one thread
    boost::asio::thread_pool& pool;  // the blocking pool: one thread, so that jobs keep order
    Engine& engine;
    StateDir& state;
    CheckpointStore& checkpoints;
    std::function<void(const Report&)> report;
    std::function<void(const swarm::LinkWanted&)> want_link;
    Codec codec = Codec::kFp32;  // wished for by the swarm
  };
  Driver(const Parts& parts, const swarm::Options& options, swarm::StartState start);

  TransportCallbacks transport_callbacks();
  /// Before the strand turns: the first events may be links. `transport` outlives the last event.
  void attach(Transport& transport) { transport_ = &transport; }
  void start();
  void on_outcome(ComputeOutcome outcome);
  void request_stop(TimePoint deadline);
  /// Replicas: what the weights begin with; position 0: the seeded initialisation.
  void start_from(const swarm::CheckpointId& checkpoint) { handle(swarm::StartFrom{checkpoint}); }
  void count_replicas(const swarm::ReplicasCounted& counted) { handle(counted); }
  /// A file that another node of this stage wrote, complete and unchecked. Checked on the pool; a
  /// sound one is this node's from then on.
  void take_in_checkpoint(const swarm::CheckpointId& expected, const std::filesystem::path& file,
                          std::function<void(const Result<>&)> done);
  /// No event reaches the core any more.
  void halt();

  swarm::Status status() const { return node_.status(); }
  std::vector<swarm::Given> given() const { return node_.given(core_now()); }
  const PayloadStore& payloads() const { return payloads_; }
  /// Snapshots that are still on their way to the disk.
  std::size_t pending_stores() const { return pending_stores_; }

 private:
  void handle(const swarm::Event& event);
  void pump();
  void report(const Report& report) { parts_.report(report); }

  // From outside, into events.
  void on_message(const NodeId& from, swarm::Message message, std::optional<PayloadData> payload);
  void finish(ForwardOutcome outcome);
  void finish(BackwardOutcome outcome);
  void finish(const UpdateOutcome& outcome);
  void finish(SnapshotOutcome outcome);
  void finish(const RestoreOutcome& outcome);
  void finish(ShareOutcome outcome);
  void finish(const BlendOutcome& outcome);
  void finish(const RejectedOutcome& outcome);
  void finish(const FailedOutcome& outcome);

  // From the core, outwards.
  void carry_out(const swarm::Action& action);
  void carry_out(const swarm::Send& action);
  void carry_out(const swarm::Release& action);
  void carry_out(const swarm::RunForward& action);
  void carry_out(const swarm::RunBackward& action);
  void carry_out(const swarm::RunUpdate& action);
  void carry_out(const swarm::RunSnapshot& action);
  void carry_out(const swarm::RunRestore& action);
  void carry_out(const swarm::RunShare& action);
  void carry_out(const swarm::RunBlend& action);
  void carry_out(const swarm::Forget& action);
  void carry_out(const swarm::StoreSnapshot& action);
  void carry_out(const swarm::RemoveCheckpoint& action);
  void carry_out(const swarm::LinkWanted& action) { parts_.want_link(action); }
  template <class Reported>
  void carry_out(const Reported& action) {
    report(action);
  }
  std::optional<PayloadData> bytes_of(const swarm::Payload& payload) const;
  /// In which codec a tensor for that stage is made: what all links to it have agreed on.
  Codec codec_towards(StageIndex stage) const;
  KeptData bytes_of(const swarm::Kept& kept) const;
  /// Names for what was read.
  swarm::Kept hold(KeptData kept);
  void on_kept_written(const swarm::CheckpointId& checkpoint, const Result<>& written);
  /// `payload` as the link to that node has it; empty if it can't be had.
  std::optional<PayloadData> fit_to_link(const NodeId& to, std::optional<PayloadData> payload);

  Parts parts_;
  swarm::Node node_;
  PayloadStore payloads_;
  const StageIndex stage_;
  const bool has_replicas_;
  struct Linked {
    StageIndex stage;
    Codec codec = Codec::kFp32;
  };
  std::map<NodeId, Linked> linked_;
  Transport* transport_ = nullptr;
  WakeupTimer timer_;
  NodeId input_origin_;  // who sent what the compute thread works on now
  NodeId gradient_origin_;
  NodeId share_origin_;
  std::map<swarm::CheckpointId, SnapshotOutcome> snapshots_;  // taken, not stored; the core bounds
  std::map<swarm::CheckpointId, KeptData> kept_;              // what goes beside them
  KeptData restored_;                                         // beside what is being restored
  bool has_warned_of_kept_ = false;
  std::size_t pending_stores_ = 0;
  std::deque<swarm::Action> later_;  // decided, not carried out: what is urgent goes first
  bool is_halted_ = false;
};

}  // namespace brigade::daemon

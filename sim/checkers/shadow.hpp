// What the checkers know: facts about every host, drawn from its events and actions alone and never
// asked of the core. Rules compare what a core does with these facts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/ids.hpp"
#include "sim/scenario.hpp"
#include "swarm/action.hpp"
#include "swarm/event.hpp"
#include "swarm/node.hpp"

namespace brigade::sim {

/// One micro-batch at one host in the epoch that the host is in.
struct MicrobatchFacts {
  bool is_seen = false;           // drawn here, or its input came at least once
  bool is_received = false;       // its input came, and it decoded as far as is known
  bool is_forwarded = false;      // a forward of it finished
  bool is_kept = false;           // on the device, for the backward
  bool has_gradient = false;      // a gradient of it came from the next stage
  bool is_backward = false;       // its backward finished: it is applied
  bool is_updated = false;        // and an update contains it
  bool is_forward_held = false;   // the newest attempt of our forward was received
  bool is_forward_lost = false;   // the next stage said that it does not have it, or can't read it
  bool is_backward_held = false;  // the newest attempt of our backward was applied
  Attempt forward_attempt;        // the newest sent
  Attempt backward_attempt;
  std::uint32_t forward_runs = 0;
  std::uint32_t backward_sends = 0;
  PayloadId input;   // as given to the newest forward
  PayloadId output;  // of the newest forward
  std::uint64_t version_at_forward = 0;
  std::uint64_t applied_at_forward = 0;
};

enum class PayloadRole : std::uint8_t {
  kNone,
  kInput,          // came in a Forward
  kGradient,       // came in a Backward
  kOutput,         // an activation of our own
  kInputGradient,  // a gradient of our own
};

struct PayloadFacts {
  MicrobatchId id;
  std::uint64_t bytes = 0;
  PayloadRole role = PayloadRole::kNone;
  bool is_held = false;
  bool is_waiting = false;  // a gradient that a backward could use and has not
};

enum class Task : std::uint8_t { kNone, kForward, kBackward, kUpdate, kSnapshot, kRestore };

struct HostFacts {
  bool is_alive = false;
  bool has_epoch = false;  // restored at least once since it started
  Epoch epoch;
  swarm::CheckpointId from;
  swarm::Phase phase = swarm::Phase::kGathering;

  Task task = Task::kNone;
  MicrobatchId task_id;
  std::vector<MicrobatchFacts> train;  // by sequence, of `epoch`
  std::map<Sequence, MicrobatchFacts> eval;
  std::uint64_t seen = 0;       // distinct training micro-batches drawn or received
  std::uint64_t forwarded = 0;  // distinct

  std::uint64_t applied = 0;    // backwards that finished
  std::uint64_t updated = 0;    // of those, contained in an update
  std::uint64_t watermark = 0;  // all sequences below are applied
  std::uint64_t kept = 0;       // inputs or activations on the device
  std::uint64_t updates = 0;    // of this epoch
  Version version;
  std::vector<Sequence> pending;        // backwards since the last update
  std::uint32_t waiting_gradients = 0;  // payloads with is_waiting

  std::deque<PayloadFacts> payloads;  // from first_payload on
  std::uint64_t first_payload = 1;
  std::uint64_t held_bytes = 0;
  std::uint64_t most_held_bytes = 0;
  std::uint64_t held = 0;
};

class Shadow {
 public:
  Shadow(const Scenario& scenario, std::uint32_t hosts) : scenario_(scenario), hosts_(hosts) {}

  const HostFacts& host(std::uint32_t index) const { return hosts_[index]; }
  std::uint32_t hosts() const { return static_cast<std::uint32_t>(hosts_.size()); }
  bool is_head(std::uint32_t index) const { return index == 0; }
  bool is_tail(std::uint32_t index) const { return index + 1 == hosts_.size(); }
  /// Null for another epoch than the host's, or where nothing is known.
  const MicrobatchFacts* find(std::uint32_t host, const MicrobatchId& id) const;
  /// Null where no such payload was ever given out, or it was released and is forgotten.
  const PayloadFacts* find(std::uint32_t host, PayloadId payload) const;

  void on_start(std::uint32_t host);
  void on_crash(std::uint32_t host);
  void on_event(std::uint32_t host, const swarm::Event& event);
  void on_action(std::uint32_t host, const swarm::Action& action);

 private:
  MicrobatchFacts* edit(HostFacts& host, const MicrobatchId& id);
  PayloadFacts* edit(HostFacts& host, PayloadId payload);
  void hold(HostFacts& host, const swarm::Payload& payload, const MicrobatchId& id,
            PayloadRole role);
  void see(HostFacts& host, const MicrobatchId& id, MicrobatchFacts& facts);
  void on_received(HostFacts& host, const swarm::Message& message);
  void on_receipt(HostFacts& host, const swarm::Receipt& receipt);
  void on_forward_done(HostFacts& host, const swarm::ForwardDone& done);
  void on_backward_done(HostFacts& host, const swarm::BackwardDone& done);
  void on_update_done(HostFacts& host, const swarm::UpdateDone& done);
  void on_send(HostFacts& host, const swarm::Message& message);
  void on_release(HostFacts& host, PayloadId payload);
  void start_task(HostFacts& host, const swarm::Action& action);

  const Scenario& scenario_;
  std::vector<HostFacts> hosts_;
};

}  // namespace brigade::sim

// The core of a node: the whole protocol as one state machine without I/O.
//
// A driver (daemon/ or sim/) feeds events with the time they happened and carries out actions:
//
//     node.handle(now, event);
//     while (auto action = node.poll_action()) carry_out(*action);
//     sleep_until(node.next_wakeup());          // then handle(now, Tick{})
//
// What holds (docs/protocol.md; checked by sim/checkers):
// - Exactly once: at every stage, in every epoch, drawn = applied + in flight, and no micro-batch
//   is applied twice, whatever is lost, repeated or reordered.
// - One compute task is outstanding at a time; gradients and activations take turns (kAsync), or
//   the order of the schedule holds (lock-step, kGpipe).
// - Every payload that the core was given is released exactly once.
// - Nothing grows beyond base/limits.hpp: at a bound the core answers kBusy.
// Threading: none. Cost: amortised O(log in-flight) an event. Peers' nonsense is never a
// BRIGADE_CHECK.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/action.hpp"
#include "swarm/event.hpp"
#include "swarm/given.hpp"
#include "swarm/options.hpp"
#include "swarm/staleness_meter.hpp"

namespace brigade::swarm {

/// What a node knows when it starts.
struct StartState {
  std::vector<CheckpointId> checkpoints;  // sound on this node's disk
  Epoch max_epoch;                        // newest that this node ever took part in
};

/// A look inside, for status, metrics and checkers.
struct Status {
  Phase phase = Phase::kGathering;
  Epoch epoch;
  CheckpointId from;
  CheckpointId committed;
  std::uint64_t position = 0;   // micro-batches of the run: all below are applied here; with
                                // replicas: what these weights contain of all that they apply
  std::uint64_t drawn = 0;      // of this epoch, seen at this stage (head: drawn)
  std::uint64_t applied = 0;    // of this epoch
  std::uint32_t in_flight = 0;  // drawn − applied
  std::uint32_t forwarded = 0;  // of those: forwarded here, not yet applied
  std::uint32_t waiting_gradients = 0;  // of those: their backward waits or runs
  std::uint32_t kept_gradients = 0;     // applied here, not yet acknowledged by the stage before
  Version version;
  double staleness_mean = 0;  // running mean, in updates
  double staleness_max = 0;   // largest single value of this epoch
  StalenessHistogram staleness_histogram{};
  std::uint32_t window = 0;        // at the head of an asynchronous schedule; else 0
  double window_smoothed = 0;      // its mean over the last hundred micro-batches or so
  const char* window_reason = "";  // a literal: why it is what it is
  std::uint64_t repeats = 0;       // messages sent again
  std::uint64_t duplicates = 0;    // messages received again and not applied again
  // Replicas.
  std::uint64_t taken = 0;           // applied + in flight + handed back
  std::uint64_t handed_back = 0;     // dropped before they were applied
  std::uint64_t written_off = 0;     // may have been applied twice, see PathReported
  std::uint32_t evaluations = 0;     // batches under way here
  std::uint32_t suspended = 0;       // at a head: of those in flight
  std::uint64_t averaged = 0;        // exchanges with another replica that were blended in
  std::uint64_t average_failed = 0;  // … that came to nothing: refused, not answered, not readable
  bool is_averaging = false;         // one is under way
  const char* path_reason = "";      // a literal: why the next path is the one it is
  bool is_computing = false;
  const char* waiting_for = "";  // a literal: why nothing is computing right now
};

class Core;

class Node {
 public:
  Node(const Options& options, StartState start, TimePoint now);
  ~Node();
  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;

  void handle(TimePoint now, const Event& event);
  std::optional<Action> poll_action();
  TimePoint next_wakeup() const;
  Status status() const;
  /// Empty without replicas.
  std::vector<Given> given(TimePoint now) const;

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace brigade::swarm

// What a node wants done: the only outputs of the core. The driver carries out actions in order.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

struct Send {
  NodeId to;
  Message message;  // the driver keeps the payload's bytes: Send does not release them
};

/// The payload is needed no more. Each payload that the core was given is released exactly once.
struct Release {
  PayloadId payload;
};

// Compute tasks, one outstanding at a time; answered by the events of the same name. Payloads named
// by a task are not released before its answer.
//
// Evaluation batches (kind kEval) are numbered by the head: batch b of its n-th evaluation in the
// epoch has the sequence n·2^32 + b. The driver reads b = sequence & 0xffffffff: batch b always
// shows the same validation window, so that evaluations compare.
struct RunForward {
  MicrobatchId id;
  Payload input;  // empty at the head, which draws the tokens itself: a pure function of the id
  /// False for evaluation. True keeps what backward needs; it replaces what an earlier forward of
  /// the same id kept (an input that is sent again is forwarded on the newest weights).
  bool keeps = true;
};
struct RunBackward {
  MicrobatchId id;
  Payload input;     // as given to RunForward
  Payload gradient;  // empty at the tail, whose own loss starts the backward
};
/// One optimiser update over what the backwards since the last one have accumulated.
struct RunUpdate {
  Version version;                 // before the update: u of docs/method.md, from 0
  std::uint32_t microbatches = 1;  // accumulated: the gradient is their mean
  double delay_microbatches = 0;   // δ, running mean of this stage's own micro-batches
  double staleness_updates = 0;    // τ, the same in updates
  /// Place in the schedules: `version`; where K grows, and with replicas, the updates that K would
  /// have made of as many micro-batches (of all replicas of the stage).
  std::uint64_t place = 0;
};
/// Copies weights, moments and counters in memory, right after an update; the disk comes later.
struct RunSnapshot {
  CheckpointId checkpoint;
  Version version;                      // updates that the weights contain
  std::vector<Sequence> applied_ahead;  // applied beyond the position: the ledger's range
  Sequence next_sequence;               // of this epoch: the first that the position leaves out
  /// Replicas: goes to the disk beside the weights. The driver takes hold of the bytes now: they
  /// may be released before they are written.
  Kept kept{};
};
/// Loads a checkpoint (position 0: seeded initialisation where none is stored) and drops all
/// activations and accumulated gradients. The driver first makes `epoch` durable.
struct RunRestore {
  CheckpointId checkpoint;
  Epoch epoch;
};
/// Replicas: copies the parts of the weights that `round` names; answered by ShareTaken.
struct RunShare {
  std::uint64_t round = 0;
};
/// Replicas: weights += weight · (theirs − mine), in the parts that `round` names. What was learned
/// since `mine` was taken stays. Answered by Blended.
struct RunBlend {
  std::uint64_t round = 0;
  Payload mine;
  Payload theirs;
  double weight = 0;          // 0 … 1
  bool have_learned = false;  // both have averaged before: they can't be far from each other
};
struct Forget {  // drop what RunForward kept for this id: it is forwarded again from new bytes
  MicrobatchId id;
};

/// Write the snapshot taken for `checkpoint`; answered by SnapshotStored.
struct StoreSnapshot {
  CheckpointId checkpoint;
};
struct RemoveCheckpoint {
  CheckpointId checkpoint;
};

// Reports: for log, status and tests. The core decides nothing by them.
enum class Phase : std::uint8_t { kGathering, kRestoring, kTraining, kDraining, kOver, kBlocked };
struct PhaseChanged {
  Phase phase;
  Epoch epoch;
  CheckpointId from;
  const char* reason;  // a literal
};
struct StepReported {  // at the head: a gradient came back and was applied
  MicrobatchId id;
  std::uint64_t position;  // micro-batches applied in the run, this one included
  LossSum loss;
};
struct EvalReported {  // at the head
  std::uint64_t position;
  LossSum loss;
  bool is_final;
};
struct Committed {  // at the head: sound at every stage
  CheckpointId checkpoint;
};
struct WindowChanged {  // at the head, where it finds the window itself
  std::uint32_t window;
  double busy_before;  // share of its time that the slowest stage computed, with the one before
  const char* reason;  // a literal
};
struct Repeated {  // something was sent again; why is a literal
  MicrobatchId id;
  Direction direction;
  Attempt attempt;
  const char* reason;
};
struct PathReported {  // replicas: something rare happened to a micro-batch on its path
  enum class Kind : std::uint8_t {
    kMended,      // at the head: a holder was replaced
    kSuspended,   // at the head: a holder is out of contact; it takes no place in the window
    kResumed,     // at the head: that holder is back
    kAdopted,     // at a head: another head drew it, and is lost
    kHandedBack,  // dropped here before it was applied: nobody waits for it here any more
    kWrittenOff,  // dropped here after it was applied, or given to another although a holder may
                  // have applied it: it may be applied twice
  };
  MicrobatchId id;
  Kind kind;
  StageIndex stage;    // the holder's
  const char* reason;  // a literal
};
struct LinkWanted {  // replicas: a micro-batch here is to go there, or comes from there
  NodeId peer;
  bool is_wanted;  // false: not any more
};
struct Misbehaved {  // feeds the peer's score
  NodeId peer;
  const char* what;      // a literal
  std::string detail{};  // for people
  double weight = 1;     // of an ordinary misdeed (daemon/members/conduct.hpp)
};

using Action = std::variant<Send, Release, RunForward, RunBackward, RunUpdate, RunSnapshot,
                            RunRestore, RunShare, RunBlend, Forget, StoreSnapshot, RemoveCheckpoint,
                            PhaseChanged, StepReported, EvalReported, Committed, WindowChanged,
                            Repeated, Misbehaved, PathReported, LinkWanted>;

const char* to_string(Phase phase);
std::string to_string(const Misbehaved& misdeed);

}  // namespace brigade::swarm

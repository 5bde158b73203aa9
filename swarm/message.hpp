// What nodes say to each other, in the core's own words. daemon/ translates to and from the wire
// (proto/brigade/v1/link.proto); the simulator passes these values as they are.
//
// Loss tolerance. Micro-batch messages (Forward, Backward) are repeated until a Receipt; beacons
// carry state, not events, and are repeated on change and at an interval, so that no beacon needs
// an acknowledgement.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/path.hpp"

namespace brigade::swarm {

/// Bytes held by the driver: the core passes the handle on and says when it may be released.
struct Payload {
  PayloadId id;  // zero: no bytes
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3-64 of the bytes as they travel

  bool is_empty() const { return id.value() == 0; }
  bool operator==(const Payload&) const = default;
};

/// A checkpoint of the swarm: every stage's state right after the update that completes the first
/// `position` micro-batches of the run. Position 0 is the seeded initialisation.
struct CheckpointId {
  Epoch epoch;                 // the epoch in which it was written
  std::uint64_t position = 0;  // micro-batches contained, counted over all epochs of the run

  auto operator<=>(const CheckpointId&) const = default;
};

/// Sum of token losses (nats) and their number; summed, never averaged twice.
struct LossSum {
  double nats = 0;
  std::uint32_t tokens = 0;
};

/// Replicas: what is kept beside a checkpoint of what its weights contain, for whoever asks after a
/// restart. At most limits::kMaxKeptOverRestart of each.
struct Kept {
  struct Gradient {
    MicrobatchId id;
    LossSum loss;
    Payload payload;  // empty: given up; that it is applied is all that is known of it
  };
  struct Range {  // of a head's sequences
    HeadIndex head;
    Sequence first;
    Sequence end;  // the first that is not in it
  };
  std::vector<Gradient> gradients;
  std::vector<Range> closed;  // of a head: applied, so that nobody has to adopt them
};

/// Synchronous schedules: the micro-batches `first` … `first + size − 1` share one update.
struct Group {
  Sequence first;
  std::uint32_t size = 1;
};

/// An input for the next stage.
struct Forward {
  MicrobatchId id;
  Attempt attempt;  // echoed by the receipt: a receipt of an earlier attempt is not believed
  Group group;      // size 1 in asynchronous schedules; kEval: `first` is the training
                    // micro-batch that it goes before (lock-step)
  Payload payload;  // encoded activations (none of stage 0's own) and the T+1 tokens
  Path path{};      // replicas: where it goes
};

/// How busy the slowest stage of a line is, told by counters of its own clock (load_meter.hpp).
struct Load {
  StageIndex stage;
  Duration pace{};       // computing time of one micro-batch; zero: not known yet
  Duration computing{};  // since its epoch began
  Duration elapsed{};    // since its epoch began

  bool operator==(const Load&) const = default;
};

/// A gradient for the stage before; for an evaluation batch the loss alone, without a payload.
struct Backward {
  MicrobatchId id;
  Attempt attempt;
  LossSum loss;     // of this micro-batch at the tail, passed up the line unchanged
  Load load;        // of the slowest stage from the sender on, the newest that it knows
  Payload payload;  // encoded gradient of the loss with respect to the input; empty for kEval
};

enum class Direction : std::uint8_t { kForward, kBackward };

/// Answer to a Forward, a Backward or a Query.
struct Receipt {
  enum class Kind : std::uint8_t {
    kReceived,  // held here: the sender may release its copy of an activation
    kApplied,   // done here: the sender may release its copy of a gradient
    kMissing,   // unknown here: send it again
    kBusy,      // refused at a bound: send it again later
    kRejected,  // the bytes made no sense (shape, NaN): send it again, it feeds the peer's score
    kSpent,     // replicas: applied here, and its gradient is gone: give it to another
  };
  MicrobatchId id;
  Direction direction = Direction::kForward;  // of the message that is answered
  Attempt attempt;
  Kind kind = Kind::kReceived;
  Offer offer{};  // replicas: to a forward
};

/// "Do you still have what I sent you?" Asked when a deadline passes, before bytes are repeated.
struct Query {
  MicrobatchId id;
  Direction direction = Direction::kForward;
  Attempt attempt;
  Path path{};  // replicas, of a forward: a newer one is taken over and passed on
};

/// State told to the stage before. Everything here is about this stage AND all stages after it.
struct UpBeacon {
  Epoch epoch;                // the epoch this stage is in; 0: none yet
  bool needs_epoch = false;   // some stage from here on lost its state or has just started
  bool is_ready = false;      // all stages from here on have restored `epoch` and can take work
  bool wants_stop = false;    // some stage from here on was asked to stop
  Epoch max_epoch;            // the newest epoch that any of them has seen
  std::uint32_t stages = 0;   // how many stages this beacon speaks for
  std::uint64_t applied = 0;  // the least watermark among them, in positions of the run
  bool is_drained = false;    // all of them have applied everything up to `final_position`
  std::vector<CheckpointId> offers;  // sound at all of them, newest first, ≤ limits::kMaxOffers
  CheckpointId newest;               // the newest sound at any of them: shows what would be lost
  std::uint64_t settled = 0;         // none of them will store a checkpoint below this position
};

/// State told to the stage after; it originates at the head.
struct DownBeacon {
  Epoch epoch;
  CheckpointId from;                            // what `epoch` starts from
  std::optional<std::uint64_t> final_position;  // set once the head has drawn its last micro-batch
  CheckpointId committed;                       // the newest that is sound at every stage
  bool is_over = false;                         // everything is applied, evaluated and saved: exit
  /// The sender and everything after it was ready in `epoch`: who is not in it by now lost its
  /// state and needs a newer epoch instead of joining this one.
  bool is_sealed = false;
  std::uint64_t settled = 0;  // nothing below this position will be committed any more
};

/// Replicas: what a node tells each of its neighbours about itself and what it knows for certain.
struct NodeBeacon {
  struct Floor {
    HeadIndex head;
    Sequence sequence;  // everything below is closed at the head, hence at every stage
    Duration age{};     // since the head said so
  };
  bool is_ready = false;  // it has restored
  bool is_draining = false;
  bool is_leaving = false;  // goodbye: what this instance holds is gone
  // A lease: what the receiver said of its own clock comes back, so that it knows when it was
  // heard.
  Duration stamp{};  // of the sender's clock
  Duration echo{};   // the newest stamp heard from the receiver; zero: none
  Duration held{};   // since it was heard
  Duration every{};  // until the sender's next beacon; zero: not said
  Offer offer;
  std::vector<std::uint64_t> gone;  // instances, the newest known last, ≤ limits::kMaxGoneTold
  std::vector<Floor> floors;        // ≤ limits::kMaxFloorsTold
};

/// Replicas: goes up a path to its head, who alone may change it (kClosed: down from a head).
/// Repeated until the path changes.
struct PathRequest {
  enum class Kind : std::uint8_t {
    kReplan,     // "give it to this one": `path` is the proposal, its revision the one it changes
    kSuspended,  // the next holder is out of contact
    kResumed,    // it is back
    kAdopt,      // to another head: the path's own is lost
    kClosed,     // that head's answer: it has adopted it before, from another, and closed it
    kSooner,     // as kReplan, of one that nobody after the asker has: another is free sooner
  };
  Kind kind = Kind::kReplan;
  MicrobatchId id;
  StageIndex stage;  // who asks
  Path path;
};

/// Replicas: parts of the sender's weights, for another replica of its stage. The round says which
/// parts (docs/method.md, "Replicas"). Never repeated: what is lost is left out.
struct Share {
  std::uint64_t round = 0;  // of who asked
  bool is_answer = false;   // else asks for the receiver's own
  double weight = 0;        // how much the sender's values count, against the receiver's
  std::uint64_t
      position{};   // of the sender's weights: micro-batches of the stage that they contain
  Payload payload;  // in an answer empty: not now
};

using Message = std::variant<Forward, Backward, Receipt, Query, UpBeacon, DownBeacon, NodeBeacon,
                             PathRequest, Share>;

}  // namespace brigade::swarm

// What happens to a node: the only inputs of the core.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

struct Tick {};  // nothing but time passed; due when next_wakeup() is reached

struct LinkUp {
  NodeId peer;
  StageIndex stage;            // which stage the peer hosts, as its handshake proved or claimed
  std::uint64_t instance = 0;  // drawn at random by each start of the peer (replicas)
};
struct LinkDown {
  NodeId peer;
};
struct Received {
  NodeId from;
  Message message;  // payloads in it are held by the driver and now owned by the core's bookkeeping
};

// Answers of the compute engine. Each task is answered by exactly one of these.
struct ForwardDone {
  MicrobatchId id;
  Payload output;  // empty at the tail
  LossSum loss;    // at the tail
};
struct BackwardDone {
  MicrobatchId id;
  Payload gradient;  // empty at the head
};
struct UpdateDone {
  Version version;  // after the update
};
struct SnapshotTaken {  // the copy exists; it is not on disk yet
  CheckpointId checkpoint;
};
struct RestoreDone {
  CheckpointId checkpoint;
  bool succeeded = false;
  Version version;  // of the restored weights: optimiser updates that they contain
  /// Replicas: what was kept beside this very checkpoint, the payloads held by the driver.
  Kept kept{};
};
struct ShareTaken {
  std::uint64_t round = 0;
  Payload payload;  // empty: it could not be taken
};
struct Blended {
  std::uint64_t round = 0;
  bool succeeded = false;  // false: the bytes of the peer made no sense; nothing was changed
  std::string reason{};    // why not, for people
};
/// Answers RunForward (kForward) or RunBackward (kBackward) when the bytes of a peer did not decode
/// (shape, NaN, checksum). The micro-batch itself is not lost: the peer is told and sends again.
/// What an earlier RunForward of the id kept stays until Forget, RunBackward or RunRestore.
struct InputRejected {
  MicrobatchId id;
  Direction direction = Direction::kForward;
  std::string reason{};  // for people
};

// Answers of the disk.
struct SnapshotStored {
  CheckpointId checkpoint;
  bool succeeded = false;
};

/// A checkpoint of this stage that another node of it wrote is sound on this disk now. In a line
/// only of a node that waits: one that is in an epoch writes its own.
struct CheckpointFound {
  CheckpointId checkpoint;
};

/// Replicas: what the weights start from, a checkpoint on this disk, or position 0: the seeded
/// initialisation. Until then the node restores nothing and takes no work. Once it has restored, or
/// while it does, another one is ignored; where it could not restore, another one is waited for.
struct StartFrom {
  CheckpointId checkpoint;
};

/// Replicas: how many host this stage, this node included, and the one after, by the membership. It
/// has links with some of them alone where there are many.
struct ReplicasCounted {
  std::uint32_t replicas = 1;
  std::uint32_t after = 0;
};

/// SIGTERM, the wish of its owner: take nothing new, finish what is in flight, save, and be over.
struct StopRequested {
  TimePoint deadline = kNever;  // then: save the newest cut and leave
};

using Event =
    std::variant<Tick, LinkUp, LinkDown, Received, ForwardDone, BackwardDone, UpdateDone,
                 SnapshotTaken, RestoreDone, ShareTaken, Blended, InputRejected, SnapshotStored,
                 CheckpointFound, StartFrom, ReplicasCounted, StopRequested>;

}  // namespace brigade::swarm

// What the core strand asks of the compute thread, and what comes back: values with bytes in them,
// so that the compute thread never looks into the payload store.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "daemon/payload.hpp"
#include "stage_runtime/stage.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

struct ForwardTask {
  MicrobatchId id;
  std::optional<PayloadData> input;  // activation and tokens; absent at the head
  bool keeps = true;
  stage::Codec answer = stage::Codec::kFp32;  // of the activation that goes on
};
struct BackwardTask {
  MicrobatchId id;
  std::optional<PayloadData> input;           // as given to the forward
  std::optional<PayloadData> gradient;        // absent at the tail
  stage::Codec answer = stage::Codec::kFp32;  // of the gradient that goes on
};
struct UpdateTask {
  stage::UpdateOrder order;
  Version version;  // before the update
};
struct SnapshotTask {
  swarm::CheckpointId checkpoint;
  stage::CheckpointInfo info;
};
struct RestoreTask {
  swarm::CheckpointId checkpoint;
  std::vector<std::filesystem::path> files;  // empty: back to the seeded initialisation
};
struct ShareTask {
  std::uint64_t round = 0;
};
struct BlendTask {
  std::uint64_t round = 0;
  PayloadData mine;
  PayloadData theirs;
  double weight = 0;
  bool have_learned = false;  // both sides
};
struct ForgetTask {  // not answered
  MicrobatchId id;
};
using ComputeTask = std::variant<ForwardTask, BackwardTask, UpdateTask, SnapshotTask, RestoreTask,
                                 ShareTask, BlendTask, ForgetTask>;

struct ForwardOutcome {
  MicrobatchId id;
  std::optional<PayloadData> output;  // absent at the tail
  swarm::LossSum loss;                // at the tail
};
struct BackwardOutcome {
  MicrobatchId id;
  std::optional<PayloadData> gradient;  // absent at the head
  double tamed = 1;  // what the peer's gradient was multiplied by: below 1, it had exploded
};
struct UpdateOutcome {
  Version version;  // after the update
  stage::UpdateReport report;
};
struct SnapshotOutcome {
  swarm::CheckpointId checkpoint;
  stage::CheckpointInfo info;
  stage::SnapshotPtr snapshot;
};
struct RestoreOutcome {
  swarm::CheckpointId checkpoint;
  bool succeeded = false;
  std::string error;
};
struct ShareOutcome {
  std::uint64_t round = 0;
  PayloadData payload;
};
struct BlendOutcome {
  std::uint64_t round = 0;
  std::string rejected;  // why the peer's bytes made no sense; empty: blended
};
/// The peer's bytes made no sense to this stage.
struct RejectedOutcome {
  MicrobatchId id;
  swarm::Direction direction = swarm::Direction::kForward;
  std::string reason;
};
/// The stage itself can't go on: no memory, a device error.
struct FailedOutcome {
  Error error;
};
using ComputeOutcome =
    std::variant<ForwardOutcome, BackwardOutcome, UpdateOutcome, SnapshotOutcome, RestoreOutcome,
                 ShareOutcome, BlendOutcome, RejectedOutcome, FailedOutcome>;

}  // namespace brigade::daemon

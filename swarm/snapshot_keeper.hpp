// Replicas: which checkpoints this node takes of its weights, and which of its disk's may go. Each
// replica writes its own; what CheckpointBook is in a line, with nobody to agree with.
//
// Rules
// - One is due when the position passes a multiple of `checkpoint_every` (0: never), and taken at
//   the next moment right after an update. One at a time.
// - What could not be stored is tried again after kRetryPause, with the weights of then.
// - A last one is taken when the node leaves, unless these weights are stored already. It is not
//   tried again.
// - The newest `keep_checkpoints` that are sound stay. Those beyond what the weights started from
//   are of a past that is given up: they go first. Nothing goes before the node has restored.
// Bounds: limits::kMaxKeptCheckpoints known ones.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class SnapshotKeeper {
 public:
  static constexpr Duration kRetryPause = std::chrono::seconds{5};

  SnapshotKeeper(const Options& options, std::vector<CheckpointId> sound);
  void on_restored(const CheckpointId& from);

  /// Right after an update, at `position`: the checkpoint to take now, if any.
  std::optional<CheckpointId> next(std::uint64_t position);
  /// The same for one who leaves.
  std::optional<CheckpointId> last(std::uint64_t position);
  /// Nothing is being stored, and the last one is or could not be.
  bool is_settled(std::uint64_t position) const;

  // What is to be removed follows.
  std::vector<CheckpointId> on_stored(TimePoint now, const CheckpointId& id, bool succeeded);
  std::vector<CheckpointId> on_found(const CheckpointId& id);

  void on_time(TimePoint now);
  TimePoint next_due() const { return retry_at_; }

 private:
  std::optional<CheckpointId> take(std::uint64_t position);
  std::vector<CheckpointId> trim();

  std::uint64_t every_;
  std::size_t keep_;
  Epoch epoch_;
  std::vector<CheckpointId> sound_;  // first those that go first
  bool has_restored_ = false;
  bool is_taking_ = false;
  std::uint64_t next_ = ~0ULL;         // position
  std::uint64_t held_ = 0;             // position of the newest one that is on disk
  std::optional<std::uint64_t> last_;  // position of the last one, once it is asked for
  TimePoint retry_at_ = kNever;        // of one that failed
  bool is_retry_due_ = false;
};

}  // namespace brigade::swarm

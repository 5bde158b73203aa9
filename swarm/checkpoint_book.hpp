// Which checkpoints this stage has, when it takes the next one, and which ones may go.
//
// Rules
// - Positions: 0 of a fresh run, then the multiples of `checkpoint_every`, each rounded up to whole
//   updates counted from where the epoch started, then the final position. All stages compute the
//   same positions without a word, so their checkpoints are cuts of the same run.
// - A checkpoint is taken right after the update that reaches its position. One that is reached
//   while another is still being written is passed over (memory for one copy), the final one waits.
// - Everybody has {0, 0}, the seeded initialisation, without a file; it is offered last.
// - Sound here and at every other stage = committed. Of the older ones keep_checkpoints − 1 stay.
//   The newest committed one and what is newer stay: the head may be committing any of it.
// - The disk is bounded by kMaxOffers all the same, when one stage can't store and nothing is
//   committed any more. Every stage says below which position it stores nothing any more (settled);
//   what is uncommitted below the least of these can never be committed and may go. Before that go
//   leftovers of earlier epochs. Without room no periodic checkpoint is taken; the final one has a
//   place of its own.
// - What an earlier epoch wrote beyond the point where the present one started is a dead branch;
//   it goes once the present epoch has committed something.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class CheckpointBook {
 public:
  /// Pause before a final checkpoint that could not be stored is tried again: room may be made.
  static constexpr Duration kRetryPause = std::chrono::seconds{5};

  CheckpointBook(const Options& options, std::vector<CheckpointId> sound);
  void restart(Epoch epoch, const CheckpointId& from);  // a new epoch

  /// The checkpoint to take now that the state is right after an update and everything below
  /// `position` is in it; `is_final`: nothing comes after it.
  std::optional<CheckpointId> next(TimePoint now, std::uint64_t position, bool is_final);
  void on_stored(TimePoint now, const CheckpointId& id, bool succeeded);  // the disk's answer
  /// One that another node of this stage wrote is on the disk now. Returns what is to be removed:
  /// of those that were found the newest keep_checkpoints stay.
  std::vector<CheckpointId> on_found(const CheckpointId& id);
  /// Sound at every stage, as the head says. Returns what is to be removed.
  std::vector<CheckpointId> commit(const CheckpointId& id);
  /// No stage stores anything below `settled` any more. Returns what is to be removed for others to
  /// have room.
  std::vector<CheckpointId> make_room(std::uint64_t settled);
  void drop(const CheckpointId& id);  // it could not be restored

  /// This stage stores nothing below it any more.
  std::uint64_t settled_below() const;
  bool is_storing() const { return is_storing_; }
  /// `position` is stored, or could not be.
  bool is_settled(std::uint64_t position) const { return !is_storing_ && settled_ == position; }
  bool has_failed() const { return has_failed_; }  // the newest attempt to store
  TimePoint retry_at() const { return retry_at_; }
  const CheckpointId& committed() const { return committed_; }
  const std::vector<CheckpointId>& offers() const { return offers_; }  // newest first

 private:
  std::uint64_t boundary_after(std::uint64_t position) const;
  void insert(const CheckpointId& id);
  bool is_dead_branch(const CheckpointId& id) const;

  std::uint64_t every_;
  std::uint32_t accumulate_;
  std::uint32_t keep_;

  std::vector<CheckpointId> offers_;
  Epoch epoch_;
  CheckpointId from_;
  CheckpointId committed_;
  std::uint64_t next_ = 0;                // position of the next one
  std::optional<std::uint64_t> taken_;    // position of the newest one asked for
  std::optional<std::uint64_t> settled_;  // position of the newest one answered
  bool is_storing_ = false;
  bool has_failed_ = false;
  TimePoint retry_at_ = kNever;
};

}  // namespace brigade::swarm

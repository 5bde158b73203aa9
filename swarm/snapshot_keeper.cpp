#include "swarm/snapshot_keeper.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm {

SnapshotKeeper::SnapshotKeeper(const Options& options, std::vector<CheckpointId> sound)
    : every_(options.checkpoint_every),
      keep_(std::max(options.keep_checkpoints, 1U)),
      epoch_(options.epoch),
      sound_(std::move(sound)) {
  std::sort(sound_.begin(), sound_.end());
}

void SnapshotKeeper::on_restored(const CheckpointId& from) {
  has_restored_ = true;
  held_ = from.position;
  if (every_ > 0) next_ = (from.position / every_ + 1) * every_;
  std::stable_partition(sound_.begin(), sound_.end(),
                        [&](const CheckpointId& id) { return id.position > from.position; });
}

std::optional<CheckpointId> SnapshotKeeper::take(std::uint64_t position) {
  is_taking_ = true;
  is_retry_due_ = false;
  retry_at_ = kNever;
  if (every_ > 0) next_ = (position / every_ + 1) * every_;
  return CheckpointId{epoch_, position};
}

void SnapshotKeeper::on_time(TimePoint now) {
  if (now < retry_at_) return;
  is_retry_due_ = true;
  retry_at_ = kNever;
}

std::optional<CheckpointId> SnapshotKeeper::next(std::uint64_t position) {
  const bool is_due = position >= next_ || is_retry_due_;
  if (!has_restored_ || is_taking_ || !is_due) return std::nullopt;
  return take(position);
}

std::optional<CheckpointId> SnapshotKeeper::last(std::uint64_t position) {
  if (is_taking_ || is_settled(position)) return std::nullopt;
  last_ = position;
  return take(position);
}

bool SnapshotKeeper::is_settled(std::uint64_t position) const {
  if (is_taking_) return false;
  return !has_restored_ || held_ == position || last_ == position;
}

std::vector<CheckpointId> SnapshotKeeper::on_stored(TimePoint now, const CheckpointId& id,
                                                    bool succeeded) {
  is_taking_ = false;
  if (!succeeded) {
    retry_at_ = now + kRetryPause;
    return {};
  }
  held_ = id.position;
  std::erase(sound_, id);
  sound_.push_back(id);
  return trim();
}

std::vector<CheckpointId> SnapshotKeeper::on_found(const CheckpointId& id) {
  std::erase(sound_, id);
  auto place = sound_.end();
  while (place != sound_.begin() && *std::prev(place) > id) --place;
  sound_.insert(place, id);
  return trim();
}

std::vector<CheckpointId> SnapshotKeeper::trim() {
  const std::size_t most = has_restored_ ? keep_ : limits::kMaxKeptCheckpoints;
  if (sound_.size() <= most) return {};
  const auto end = sound_.begin() + static_cast<std::ptrdiff_t>(sound_.size() - most);
  std::vector<CheckpointId> gone(sound_.begin(), end);
  sound_.erase(sound_.begin(), end);
  return gone;
}

}  // namespace brigade::swarm

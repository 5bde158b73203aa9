#include "swarm/checkpoint_book.hpp"

#include <algorithm>
#include <functional>

#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

constexpr std::uint64_t kNone = ~0ULL;
constexpr std::size_t kRoom = limits::kMaxOffers - 1;  // one place is left for the final one
constexpr CheckpointId kOrigin{};                      // the seeded initialisation

}  // namespace

CheckpointBook::CheckpointBook(const Options& options, std::vector<CheckpointId> sound)
    : every_(options.checkpoint_every),
      accumulate_(options.accumulate),
      keep_(options.keep_checkpoints),
      offers_(std::move(sound)) {
  offers_.push_back(kOrigin);
  std::sort(offers_.begin(), offers_.end(), std::greater<>{});
  offers_.erase(std::unique(offers_.begin(), offers_.end()), offers_.end());
  if (offers_.size() > limits::kMaxOffers) {
    offers_.resize(limits::kMaxOffers);
    offers_.back() = kOrigin;
  }
}

void CheckpointBook::restart(Epoch epoch, const CheckpointId& from) {
  epoch_ = epoch;
  from_ = committed_ = from;
  taken_ = settled_ = from.position;
  next_ = boundary_after(from.position);
  has_failed_ = false;
  retry_at_ = kNever;
  if (from == kOrigin) {  // nothing is on the disk yet: one is written at step 0
    next_ = 0;
    taken_ = settled_ = std::nullopt;
  }
}

std::uint64_t CheckpointBook::boundary_after(std::uint64_t position) const {
  if (every_ == 0) return kNone;
  const std::uint64_t wanted = (position / every_ + 1) * every_ - from_.position;
  return from_.position + (wanted + accumulate_ - 1) / accumulate_ * accumulate_;
}

std::optional<CheckpointId> CheckpointBook::next(TimePoint now, std::uint64_t position,
                                                 bool is_final) {
  std::optional<std::uint64_t> due;
  for (; next_ <= position; next_ = boundary_after(next_)) due = next_;
  if (is_final && taken_ != position && (retry_at_ == kNever || now >= retry_at_)) due = position;
  const bool has_room = is_final || offers_.size() < kRoom;
  if (!due || !has_room || is_storing_) return std::nullopt;
  retry_at_ = kNever;
  taken_ = due;
  is_storing_ = true;
  return CheckpointId{epoch_, *due};
}

void CheckpointBook::on_stored(TimePoint now, const CheckpointId& id, bool succeeded) {
  is_storing_ = false;
  has_failed_ = !succeeded;
  if (id.epoch == epoch_) {
    settled_ = id.position;
    if (!succeeded && taken_ == id.position) {
      taken_.reset();
      retry_at_ = now + kRetryPause;
    }
  }
  if (succeeded) insert(id);
}

std::vector<CheckpointId> CheckpointBook::on_found(const CheckpointId& id) {
  if (epoch_ != Epoch{}) return {id};  // it trains: it has its own
  insert(id);
  std::vector<CheckpointId> removed;
  while (offers_.size() > keep_ + std::size_t{1}) {  // the origin has no file
    removed.push_back(offers_[offers_.size() - 2]);
    offers_.erase(offers_.end() - 2);
  }
  return removed;
}

std::uint64_t CheckpointBook::settled_below() const {
  if (!settled_) return from_.position;
  return has_failed_ ? *settled_ : *settled_ + 1;  // a failed one may be tried again
}

void CheckpointBook::insert(const CheckpointId& id) {
  const auto place = std::lower_bound(offers_.begin(), offers_.end(), id, std::greater<>{});
  if (place == offers_.end() || *place != id) offers_.insert(place, id);
}

void CheckpointBook::drop(const CheckpointId& id) {
  std::erase(offers_, id);
}

bool CheckpointBook::is_dead_branch(const CheckpointId& id) const {
  return committed_.epoch == epoch_ && id.epoch < epoch_ && id.position > from_.position;
}

std::vector<CheckpointId> CheckpointBook::commit(const CheckpointId& id) {
  const bool is_held = std::binary_search(offers_.begin(), offers_.end(), id, std::greater<>{});
  if (!is_held || id <= committed_) return {};
  committed_ = id;
  std::vector<CheckpointId> removed;
  std::uint32_t kept = 1;
  std::erase_if(offers_, [&](const CheckpointId& offer) {
    if (offer >= committed_ || offer == kOrigin) return false;
    if (!is_dead_branch(offer) && kept < keep_) {
      ++kept;
      return false;
    }
    removed.push_back(offer);
    return true;
  });
  return removed;
}

std::vector<CheckpointId> CheckpointBook::make_room(std::uint64_t settled) {
  const auto is_before = [&](const CheckpointId& id) { return id < from_ && id != kOrigin; };
  const auto is_of_the_past = [&](const CheckpointId& id) {
    return id > from_ && id.epoch < epoch_;
  };
  const auto is_settled = [&](const CheckpointId& id) {
    return id > committed_ && id.epoch == epoch_ && id.position < settled;
  };
  std::vector<CheckpointId> removed;
  while (offers_.size() >= kRoom) {
    auto oldest = std::find_if(offers_.rbegin(), offers_.rend(), is_before);
    if (oldest == offers_.rend()) {
      oldest = std::find_if(offers_.rbegin(), offers_.rend(), is_of_the_past);
    }
    if (oldest == offers_.rend()) {
      oldest = std::find_if(offers_.rbegin(), offers_.rend(), is_settled);
    }
    if (oldest == offers_.rend()) break;
    removed.push_back(*oldest);
    offers_.erase(std::next(oldest).base());
  }
  return removed;
}

}  // namespace brigade::swarm

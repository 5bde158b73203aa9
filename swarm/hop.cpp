#include "swarm/hop.hpp"

#include <algorithm>
#include <cstring>

namespace brigade::swarm {
namespace {

std::uint64_t stream_of(const NodeId& id) {
  std::uint64_t first = 0;
  std::memcpy(&first, id.bytes.data(), sizeof first);
  return first;
}

}  // namespace

Pauses::Pauses(const Options& options)
    : receipt_(options.receipt_deadline),
      gradient_(options.gradient_deadline),
      longest_(options.longest_pause),
      random_(mix_seed(options.seed, options.stage.value(), stream_of(options.self))) {}

Duration Pauses::grown(Duration base, std::uint8_t patience) {
  if (patience == 0) return base;
  const Duration longest = std::max(base, longest_);
  Duration pause = base;
  for (std::uint8_t i = 0; i < patience && pause < longest; ++i) pause *= 2;
  pause = std::min(pause, longest);
  const auto jitter = static_cast<std::uint64_t>(pause.count() / 4 + 1);
  return pause + Duration{static_cast<Duration::rep>(random_.below(jitter))};
}

Throttle::Throttle(Duration receipt_deadline)
    : cost_(receipt_deadline / kRepeatsADeadline), burst_(receipt_deadline) {}

TimePoint Throttle::take(TimePoint now) {
  const TimePoint start = std::max(full_until_, now);
  if (start + cost_ > now + burst_) return start + cost_ - burst_;
  full_until_ = start + cost_;
  return now;
}

void SlotTimers::arm(Slot slot, TimePoint due) {
  if (due == kNever) return;
  if (slot >= armed_.size()) {
    armed_.resize(slot + 1, 0);
    armed_at_.resize(slot + 1, kNever);
  }
  if (armed_[slot] != 0 && armed_at_[slot] <= due) return;  // wakes in time already
  armed_[slot] = ++serial_;
  armed_at_[slot] = due;
  heap_.push_back({due, serial_, slot});
  std::push_heap(heap_.begin(), heap_.end(), is_later);
}

bool SlotTimers::pop(TimePoint now, Slot& slot) {
  if (heap_.empty() || heap_.front().at > now) return false;
  slot = heap_.front().slot;
  armed_[slot] = 0;
  do {
    drop_front();
  } while (!heap_.empty() && !is_live(heap_.front()));
  return true;
}

void SlotTimers::drop_front() {
  std::pop_heap(heap_.begin(), heap_.end(), is_later);
  heap_.pop_back();
}

}  // namespace brigade::swarm

#include "swarm/applied_set.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace brigade::swarm {

bool AppliedSet::contains(Sequence sequence) const {
  if (sequence < watermark_) return true;
  return has_room_for(sequence) && (ahead_[word(sequence)] & bit(sequence)) != 0;
}

void AppliedSet::insert(Sequence sequence) {
  BRIGADE_CHECK(has_room_for(sequence) && !contains(sequence), "applied twice, or out of bounds");
  ahead_[word(sequence)] |= bit(sequence);
  end_ = std::max(end_, sequence.next());
  pass_applied();
}

void AppliedSet::settle_below(Sequence sequence) {
  if (sequence <= watermark_) return;
  if (sequence.value() - watermark_.value() >= most_ahead_) {
    std::fill(ahead_.begin(), ahead_.end(), 0);
    watermark_ = sequence;
  }
  for (; watermark_ < sequence; watermark_ = watermark_.next()) {
    ahead_[word(watermark_)] &= ~bit(watermark_);
  }
  end_ = std::max(end_, sequence);
  pass_applied();
}

void AppliedSet::pass_applied() {
  while ((ahead_[word(watermark_)] & bit(watermark_)) != 0) {
    ahead_[word(watermark_)] &= ~bit(watermark_);
    watermark_ = watermark_.next();
  }
}

std::vector<Sequence> AppliedSet::from(Sequence first) const {
  std::vector<Sequence> result;
  for (Sequence sequence = first; sequence < end_; sequence = sequence.next()) {
    if (contains(sequence)) result.push_back(sequence);
  }
  return result;
}

}  // namespace brigade::swarm

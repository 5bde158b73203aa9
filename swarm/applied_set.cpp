#include "swarm/applied_set.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace brigade::swarm {

bool AppliedSet::contains(Sequence sequence) const {
  if (sequence < watermark_) return true;
  return sequence < end_ && (ahead_[word(sequence)] & bit(sequence)) != 0;
}

void AppliedSet::insert(Sequence sequence) {
  BRIGADE_CHECK(has_room_for(sequence) && !contains(sequence), "applied twice, or out of bounds");
  if (sequence == watermark_ && end_ <= watermark_) {  // in order: nothing to remember
    watermark_ = end_ = sequence.next();
    return;
  }
  make_room_for(sequence);
  ahead_[word(sequence)] |= bit(sequence);
  end_ = std::max(end_, sequence.next());
  pass_applied();
}

void AppliedSet::make_room_for(Sequence sequence) {
  const std::uint64_t first = watermark_.value() / kWordBits;
  const std::size_t wanted = std::max(sequence, end_).value() / kWordBits - first + 1;
  if (wanted <= ahead_.size()) return;
  std::size_t size = std::max<std::size_t>(ahead_.size(), 1);
  while (size < wanted) size *= 2;
  std::vector<std::uint64_t> larger(size);
  for (std::size_t i = 0; i < ahead_.size(); ++i) {
    larger[(first + i) % size] = ahead_[(first + i) % ahead_.size()];
  }
  ahead_ = std::move(larger);
}

void AppliedSet::settle_below(Sequence sequence) {
  if (sequence <= watermark_) return;
  if (sequence >= end_) {
    std::ranges::fill(ahead_, 0);
    watermark_ = end_ = sequence;
    return;
  }
  for (; watermark_ < sequence; watermark_ = watermark_.next()) {
    ahead_[word(watermark_)] &= ~bit(watermark_);
  }
  pass_applied();
}

void AppliedSet::pass_applied() {
  while (watermark_ < end_ && (ahead_[word(watermark_)] & bit(watermark_)) != 0) {
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

// Which micro-batches of one head this stage has applied in the present epoch.
//
// Rules
// - A watermark and a bitmap above it: almost everything is applied in order, so a lookup is one
//   bit. What is lost on the way and comes later fills a gap. The bitmap is a ring that grows to
//   what lies between the watermark and the highest: with many heads most sets stay empty.
// - Bound: limits::kMaxAppliedAhead above the watermark (or what the owner says). Who would go
// beyond is refused (kBusy)
//   and the head draws nothing beyond, since a checkpoint needs the oldest gap to close.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {

class AppliedSet {
 public:
  explicit AppliedSet(std::uint32_t most_ahead = limits::kMaxAppliedAhead)
      : most_ahead_(most_ahead) {}

  /// The oldest that is not applied: all below are.
  Sequence watermark() const { return watermark_; }
  bool contains(Sequence sequence) const;
  bool has_room_for(Sequence sequence) const {
    return sequence.value() - watermark_.value() < most_ahead_ || sequence < watermark_;
  }
  /// Once each, and only where there is room: both are checked.
  void insert(Sequence sequence);
  /// As if everything below `sequence` were applied: it is closed, wherever it was.
  void settle_below(Sequence sequence);
  /// All at or above `first` that are applied, ascending: the range that a checkpoint adds.
  std::vector<Sequence> from(Sequence first) const;

 private:
  static constexpr std::uint32_t kWordBits = 64;
  static_assert(limits::kMaxAppliedAhead % kWordBits == 0 &&
                limits::kMaxAppliedAheadReplicas % kWordBits == 0);

  void pass_applied();  // the watermark, over what is applied above it
  void make_room_for(Sequence sequence);
  std::uint64_t bit(Sequence sequence) const { return 1ULL << (sequence.value() % kWordBits); }
  std::size_t word(Sequence sequence) const { return sequence.value() / kWordBits % ahead_.size(); }

  Sequence watermark_;
  Sequence end_;  // above the highest applied
  std::uint32_t most_ahead_;
  std::vector<std::uint64_t> ahead_;  // from the watermark's word to that of `end_`, at least
};

}  // namespace brigade::swarm

// Replicas of a stage: which parts of the weights a round of averaging names, and what the
// difference to another replica does to them (docs/method.md, "Replicas of a stage").
//
// The flat buffer is cut into blocks of kShareWidth elements; a round names some of them. Which
// ones is a pure function of (seed of the run, stage, round): nobody negotiates, and a round of
// another replica means the same blocks here. Rounds come in cycles. A cycle goes through all
// blocks in an order of its own, so that after it every block was named, and no block keeps
// meeting the same neighbours or, where partners take turns, the same partner.
//
// Plain memory and pure functions: any thread, no torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

class RoundBlocks {
 public:
  /// Of a flat buffer of `elements` > 0; a round names `share` of it, in (0, 1], one block at
  /// least.
  RoundBlocks(std::uint64_t seed, std::uint32_t stage, std::size_t elements, double share);

  std::uint32_t blocks() const { return blocks_; }              // of the buffer
  std::uint32_t blocks_a_round() const { return of_a_round_; }  // the same in every round
  std::uint32_t rounds_a_cycle() const { return rounds_; }
  /// blocks_a_round() different ones, ascending. The last round of a cycle is filled up from the
  /// cycle's start. O(blocks()).
  std::vector<std::uint32_t> of(std::uint64_t round) const;

 private:
  std::uint64_t seed_;
  std::uint32_t blocks_;
  std::uint32_t rounds_;
  std::uint32_t of_a_round_;
};

// `values` are (blocks, kShareWidth); of the buffer's last block, what lies beyond its end is zero
// in `values` and stays out of the buffer. Sizes are CHECKed.

/// values = the blocks of `buffer`.
void copy_blocks_from(std::span<const float> buffer, std::span<const std::uint32_t> blocks,
                      std::span<float> values);
/// The blocks of `buffer` = values.
void copy_blocks_to(std::span<float> buffer, std::span<const std::uint32_t> blocks,
                    std::span<const float> values);

/// How far the weights of another replica are from one's own: the norm of the difference, in norms
/// of `mine`. Not finite where values are not, or where `mine` is zero and `theirs` is not.
double distance_between(std::span<const float> mine, std::span<const float> theirs);

/// now += weight · (theirs − mine), elementwise, in double: two replicas that meet in the middle
/// (½) hold the same bits afterwards. kProtocol if a result is not finite; then `now` is spoilt.
Result<> add_difference(std::span<float> now, std::span<const float> mine,
                        std::span<const float> theirs, double weight);

}  // namespace brigade::stage

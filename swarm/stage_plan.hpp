// How the blocks of a model are split into stages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::swarm {

/// Blocks [first_block, first_block + blocks) of the model; stage 0 also owns the embeddings, the
/// last stage the final norm, the LM head and the loss.
struct StageRange {
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  bool operator==(const StageRange&) const = default;
};

/// Costs in any common unit (FLOP a token).
struct ModelCost {
  double embedding = 0;        // at the head
  double head = 0;             // at the tail: final norm, LM head, loss
  std::vector<double> blocks;  // each block
};

/// Contiguous split into `stages` parts, each of at least one block, that makes the costliest stage
/// as cheap as possible (exact, by bisection over prefix sums); ties go to earlier stages.
/// Error kBadInput if there are fewer blocks than stages, or no stages.
Result<std::vector<StageRange>> plan_stages(const ModelCost& cost, std::uint32_t stages);

/// The split that `--split 2,2,3,1` asks for. Error kBadInput if it does not sum to `blocks` or a
/// part is zero.
Result<std::vector<StageRange>> split_stages(std::span<const std::uint32_t> parts,
                                             std::uint32_t blocks);

}  // namespace brigade::swarm

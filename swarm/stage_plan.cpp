#include "swarm/stage_plan.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

/// Prefix sums of the cost in the order of the model; a stage's cost is a difference of two.
class CostLine {
 public:
  explicit CostLine(const ModelCost& cost) : cost_(cost), sums_{0} {
    for (const double block : cost.blocks) sums_.push_back(sums_.back() + block);
  }
  std::size_t blocks() const { return sums_.size() - 1; }
  /// Of blocks [first, end), with embedding and head where they belong.
  double of(std::size_t first, std::size_t end) const {
    return sums_[end] - sums_[first] + (first == 0 ? cost_.embedding : 0) +
           (end == blocks() ? cost_.head : 0);
  }

 private:
  const ModelCost& cost_;
  std::vector<double> sums_;
};

/// Whether blocks [first, …) fit into `stages` stages of at most `bound` each; if so, `end` is
/// where the first of them ends when it is filled as full as it goes. Each leaves a block for every
/// later one.
bool fits(const CostLine& line, std::size_t first, std::uint32_t stages, double bound,
          std::size_t& end) {
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    const std::size_t left_after = stages - stage - 1;
    std::size_t here = left_after == 0 ? line.blocks() : first + 1;
    if (!(line.of(first, here) <= bound)) return false;
    while (here < line.blocks() - left_after && line.of(first, here + 1) <= bound) ++here;
    if (stage == 0) end = here;
    first = here;
  }
  return true;
}

/// Every value that the costliest stage can have, ascending: the bisection runs over these, so that
/// it is exact in floating point.
std::vector<double> candidate_bounds(const CostLine& line) {
  std::vector<double> bounds;
  for (std::size_t first = 0; first < line.blocks(); ++first) {
    for (std::size_t end = first + 1; end <= line.blocks(); ++end) {
      bounds.push_back(line.of(first, end));
    }
  }
  std::sort(bounds.begin(), bounds.end());
  return bounds;
}

}  // namespace

Result<std::vector<StageRange>> plan_stages(const ModelCost& cost, std::uint32_t stages) {
  const std::size_t blocks = cost.blocks.size();
  if (stages == 0) return make_error(ErrorCode::kBadInput, "a model needs at least one stage");
  if (blocks > limits::kMaxBlocks) {
    return make_error(ErrorCode::kBadInput, "the model has " + std::to_string(blocks) +
                                                " blocks, more than " +
                                                std::to_string(limits::kMaxBlocks));
  }
  if (stages > blocks) {
    return make_error(ErrorCode::kBadInput, "the model has " + std::to_string(blocks) +
                                                " blocks and cannot be split in " +
                                                std::to_string(stages) +
                                                " stages: each holds at least one block");
  }
  const auto is_cost = [](double value) { return std::isfinite(value) && value >= 0; };
  if (!is_cost(cost.embedding) || !is_cost(cost.head) ||
      !std::all_of(cost.blocks.begin(), cost.blocks.end(), is_cost)) {
    return make_error(ErrorCode::kBadInput, "a cost of the model is negative or not a number");
  }
  const CostLine line(cost);
  const std::vector<double> bounds = candidate_bounds(line);
  std::vector<StageRange> plan;
  std::size_t first = 0;
  for (std::uint32_t left = stages; left > 0; --left) {
    // What is left is balanced anew after each stage: 10 equal blocks in 4 stages are 3, 3, 2, 2.
    std::size_t end = first;
    const auto is_too_tight = [&](double bound, int) {
      return !fits(line, first, left, bound, end);
    };
    const auto best = std::lower_bound(bounds.begin(), bounds.end(), 0, is_too_tight);
    const bool is_split = best != bounds.end() && fits(line, first, left, *best, end);
    BRIGADE_CHECK(is_split, "a stage as costly as the whole model holds everything");
    plan.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end - first)});
    first = end;
  }
  return plan;
}

Result<std::vector<StageRange>> split_stages(std::span<const std::uint32_t> parts,
                                             std::uint32_t blocks) {
  std::vector<StageRange> plan;
  std::uint64_t first = 0;
  for (const std::uint32_t part : parts) {
    if (part == 0) {
      return make_error(ErrorCode::kBadInput, "stage " + std::to_string(plan.size()) +
                                                  " of the split is empty: each needs a block");
    }
    plan.push_back({static_cast<std::uint32_t>(first), part});
    first += part;
  }
  if (plan.empty()) return make_error(ErrorCode::kBadInput, "a split needs at least one stage");
  if (first != blocks) {
    return make_error(ErrorCode::kBadInput, "the split adds up to " + std::to_string(first) +
                                                " blocks, the model has " + std::to_string(blocks));
  }
  return plan;
}

}  // namespace brigade::swarm

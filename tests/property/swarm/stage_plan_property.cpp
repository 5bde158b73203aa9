// Splits beside all splits there are.
#include "swarm/stage_plan.hpp"

#include <algorithm>
#include <limits>

#include "base/random.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {
namespace {

double costliest(const ModelCost& cost, const std::vector<StageRange>& plan) {
  double most = 0;
  for (const StageRange& range : plan) {
    double sum = 0;
    for (std::uint32_t i = 0; i < range.blocks; ++i) sum += cost.blocks[range.first_block + i];
    if (range.first_block == 0) sum += cost.embedding;
    if (range.first_block + range.blocks == cost.blocks.size()) sum += cost.head;
    most = std::max(most, sum);
  }
  return most;
}

double best_of_all(const ModelCost& cost, std::uint32_t first, std::uint32_t stages,
                   std::vector<StageRange>& plan) {
  const auto blocks = static_cast<std::uint32_t>(cost.blocks.size());
  if (stages == 1) {
    plan.push_back({first, blocks - first});
    const double result = costliest(cost, plan);
    plan.pop_back();
    return result;
  }
  double best = std::numeric_limits<double>::infinity();
  for (std::uint32_t size = 1; first + size + stages - 1 <= blocks; ++size) {
    plan.push_back({first, size});
    best = std::min(best, best_of_all(cost, first + size, stages - 1, plan));
    plan.pop_back();
  }
  return best;
}

}  // namespace

TEST_CASE("no other split has a cheaper costliest stage") {
  for_seeds(150, [](std::uint64_t seed) {
    Random random(seed);
    ModelCost cost;
    cost.embedding = static_cast<double>(random.below(30));
    cost.head = static_cast<double>(random.below(60));
    const std::uint64_t blocks = 1 + random.below(9);
    for (std::uint64_t i = 0; i < blocks; ++i) {
      cost.blocks.push_back(static_cast<double>(random.below(20)));
    }
    const auto stages = static_cast<std::uint32_t>(1 + random.below(blocks));
    const auto plan = plan_stages(cost, stages);
    REQUIRE(plan.has_value());
    REQUIRE(plan.value().size() == stages);
    std::uint32_t next = 0;
    for (const StageRange& range : plan.value()) {
      REQUIRE(range.first_block == next);
      REQUIRE(range.blocks > 0);
      next += range.blocks;
    }
    REQUIRE(next == blocks);
    std::vector<StageRange> all;
    REQUIRE(costliest(cost, plan.value()) == best_of_all(cost, 0, stages, all));
  });
}

}  // namespace brigade::swarm::test

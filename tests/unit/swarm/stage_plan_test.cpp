#include "swarm/stage_plan.hpp"

#include <limits>

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

std::vector<std::uint32_t> parts_of(const Result<std::vector<StageRange>>& plan) {
  REQUIRE(plan.has_value());
  std::vector<std::uint32_t> parts;
  std::uint32_t first = 0;
  for (const StageRange& range : plan.value()) {
    CHECK(range.first_block == first);
    first += range.blocks;
    parts.push_back(range.blocks);
  }
  return parts;
}

using Parts = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("equal blocks are spread evenly, more of them in front") {
  const auto split = [](std::size_t blocks, std::uint32_t stages) {
    return parts_of(plan_stages({0, 0, std::vector<double>(blocks, 1.0)}, stages));
  };
  CHECK(split(8, 4) == Parts{2, 2, 2, 2});
  CHECK(split(5, 2) == Parts{3, 2});
  CHECK(split(10, 4) == Parts{3, 3, 2, 2});
  CHECK(split(4, 4) == Parts{1, 1, 1, 1});
  CHECK(split(3, 1) == Parts{3});
}

TEST_CASE("embedding and head weigh where they are") {
  CHECK(parts_of(plan_stages({0, 2, std::vector<double>(8, 1.0)}, 2)) == Parts{5, 3});
  CHECK(parts_of(plan_stages({4, 0, std::vector<double>(8, 1.0)}, 2)) == Parts{2, 6});
  CHECK(parts_of(plan_stages({0, 100, std::vector<double>(4, 1.0)}, 3)) == Parts{2, 1, 1});
}

TEST_CASE("uneven blocks are split where the costliest stage is cheapest") {
  CHECK(parts_of(plan_stages({0, 0, {9, 1, 1, 1, 8}}, 3)) == Parts{1, 3, 1});
}

TEST_CASE("a split that can't be is refused with the reason") {
  CHECK(plan_stages({0, 0, {1, 1}}, 3).error().message ==
        "the model has 2 blocks and cannot be split in 3 stages: each holds at least one block");
  CHECK(plan_stages({0, 0, {1, 1}}, 0).has_error());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(plan_stages({0, 0, {1, nan}}, 2).has_error());
  CHECK(plan_stages({-1, 0, {1, 1}}, 2).has_error());
}

TEST_CASE("a given split must add up") {
  const Parts good{2, 2, 3, 1};
  CHECK(parts_of(split_stages(good, 8)) == good);
  CHECK(split_stages(good, 9).error().message == "the split adds up to 8 blocks, the model has 9");
  CHECK(split_stages(Parts{2, 0, 1}, 3).error().message ==
        "stage 1 of the split is empty: each needs a block");
  CHECK(split_stages(Parts{}, 3).has_error());
  CHECK(split_stages(Parts{~0U, 1, 2}, 2).has_error());  // wraps in 32 bits
}

}  // namespace brigade::swarm

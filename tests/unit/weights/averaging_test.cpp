#include "stage_runtime/averaging.hpp"

#include <algorithm>
#include <limits>

#include "base/random.hpp"
#include "tests/catch.hpp"

namespace brigade::stage {
namespace {

constexpr std::size_t kElements = 100 * kShareWidth - 7;

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
  return values;
}

TEST_CASE("how far another replica is is told in norms of one's own weights") {
  const std::vector<float> mine{3, 0, 4};
  CHECK(distance_between(mine, mine) == 0);
  CHECK(distance_between(mine, std::vector<float>{-3, 0, -4}) == Approx(2));
  CHECK(distance_between(mine, std::vector<float>{3, 5, 4}) == Approx(1));
  CHECK_FALSE(std::isfinite(distance_between(std::vector<float>{0}, std::vector<float>{1})));
}

}  // namespace

TEST_CASE("a cycle of rounds names every block, and none twice but to fill up its last round") {
  for (const double share : {0.001, 0.05, 0.07, 0.1, 0.3, 0.6, 1.0}) {
    CAPTURE(share);
    const RoundBlocks rounds(/*seed=*/3, /*stage=*/1, kElements, share);
    CHECK(rounds.blocks() == 100);
    CHECK(rounds.blocks_a_round() >= 1);
    CHECK(rounds.blocks_a_round() <= std::max(100 * share + 1, 1.0));
    constexpr std::uint64_t kCycles = 3;
    for (std::uint64_t cycle = 0; cycle < kCycles; ++cycle) {
      std::vector<int> times(rounds.blocks());
      for (std::uint64_t i = 0; i < rounds.rounds_a_cycle(); ++i) {
        const auto blocks = rounds.of(cycle * rounds.rounds_a_cycle() + i);
        CHECK(blocks.size() == rounds.blocks_a_round());
        CHECK(std::ranges::adjacent_find(blocks, std::greater_equal{}) == blocks.end());
        for (const std::uint32_t block : blocks) ++times.at(block);
      }
      CHECK(std::ranges::min(times) == 1);
      const std::uint32_t repeats = rounds.rounds_a_cycle() * rounds.blocks_a_round() - 100;
      CHECK(std::ranges::count(times, 2) == repeats);
      CHECK(repeats < rounds.rounds_a_cycle());
    }
  }
}

TEST_CASE("what a round names follows from seed, stage and round alone") {
  const RoundBlocks rounds(3, 1, kElements, 0.1);
  CHECK(rounds.of(17) == RoundBlocks(3, 1, kElements, 0.1).of(17));
  CHECK(rounds.of(17) != rounds.of(18));
  CHECK(rounds.of(17) != rounds.of(17 + rounds.rounds_a_cycle()));
  CHECK(rounds.of(17) != RoundBlocks(4, 1, kElements, 0.1).of(17));
  CHECK(rounds.of(17) != RoundBlocks(3, 2, kElements, 0.1).of(17));
  CHECK(rounds.of(std::numeric_limits<std::uint64_t>::max()).size() == rounds.blocks_a_round());
  // The same on every machine.
  CHECK(RoundBlocks(1, 0, 20 * kShareWidth, 0.2).of(0) == std::vector<std::uint32_t>{1, 5, 15, 17});
}

TEST_CASE("a buffer smaller than a block is one block") {
  const RoundBlocks rounds(1, 0, 48, 0.1);
  CHECK(rounds.blocks_a_round() == 1);
  CHECK(rounds.rounds_a_cycle() == 1);
  CHECK(rounds.of(5) == std::vector<std::uint32_t>{0});
}

TEST_CASE("blocks are copied out and back, with zeros beyond the end of the buffer") {
  const std::vector<float> buffer = random_values(kElements, 1);
  const std::vector<std::uint32_t> blocks{2, 99};
  std::vector<float> values(2 * kShareWidth, 5.0F);
  copy_blocks_from(buffer, blocks, values);
  CHECK(values[0] == buffer[2 * kShareWidth]);
  CHECK(values[kShareWidth - 1] == buffer[3 * kShareWidth - 1]);
  CHECK(values[kShareWidth] == buffer[99 * kShareWidth]);
  CHECK(values[2 * kShareWidth - 8] == buffer.back());
  for (std::size_t i = 1; i <= 7; ++i) CHECK(values[values.size() - i] == 0.0F);

  std::vector<float> other(kElements, 9.0F);
  copy_blocks_to(other, blocks, values);
  CHECK(std::ranges::count(other, 9.0F) == 98 * kShareWidth);
  for (const std::size_t i : {2 * kShareWidth, 3 * kShareWidth - 1, 99 * kShareWidth}) {
    CHECK(other[i] == buffer[i]);
  }
  CHECK(other.back() == buffer.back());
}

TEST_CASE("a difference is added in full, in part, and on top of what came since") {
  const std::vector<float> mine = random_values(1000, 1);
  const std::vector<float> theirs = random_values(1000, 2);
  const auto added = [&](std::vector<float> now, double weight) {
    REQUIRE(add_difference(now, mine, theirs, weight).has_value());
    return now;
  };
  CHECK(added(mine, 0.0) == mine);
  CHECK(added(mine, 1.0) == theirs);
  std::vector<float> from_there = theirs;
  REQUIRE(add_difference(from_there, theirs, mine, 0.5).has_value());
  CHECK(added(mine, 0.5) == from_there);

  std::vector<float> later = mine;
  for (float& value : later) value += 0.25F;
  const std::vector<float> blended = added(later, 0.25);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    CHECK(blended[i] == Approx(0.75 * mine[i] + 0.25 * theirs[i] + 0.25).margin(1e-6));
  }
}

TEST_CASE("a difference too large to stay finite is the fault of who sent it") {
  std::vector<float> now(100, 1.0F);
  now[40] = std::numeric_limits<float>::max();
  const std::vector<float> mine(100, -1e38F);
  const std::vector<float> theirs(100, std::numeric_limits<float>::max());
  const auto result = add_difference(now, mine, theirs, 1.0);
  REQUIRE(result.has_error());
  CHECK(result.error().code == ErrorCode::kProtocol);
}

}  // namespace brigade::stage

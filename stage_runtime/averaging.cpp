#include "stage_runtime/averaging.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/check.hpp"
#include "base/random.hpp"
#include "stage_runtime/codec_loops.hpp"
#include "stage_runtime/vector_clones.hpp"

namespace brigade::stage {
namespace {

// What one message may hold, with room to spare: 256 MiB in fp32.
constexpr std::uint32_t kMostBlocks = 65'536;

/// Calls `body(offset in the buffer, offset in the values, elements)` for each block.
template <class Body>
void for_each_block(std::size_t buffer_size, std::span<const std::uint32_t> blocks,
                    std::size_t values_size, const Body& body) {
  BRIGADE_CHECK(values_size == blocks.size() * kShareWidth);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::size_t from = std::size_t{blocks[i]} * kShareWidth;
    BRIGADE_CHECK(from < buffer_size);
    body(from, i * kShareWidth, std::min<std::size_t>(kShareWidth, buffer_size - from));
  }
}

/// The largest magnitude of a result, as an integer.
BRIGADE_VECTOR_CLONES
std::int32_t add_difference_pass(float* __restrict now, const float* __restrict mine,
                                 const float* __restrict theirs, double weight, std::size_t count) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double difference = static_cast<double>(theirs[i]) - static_cast<double>(mine[i]);
    now[i] = static_cast<float>(static_cast<double>(now[i]) + weight * difference);
    largest = loops::larger(largest, loops::magnitude(now[i]));
  }
  return largest;
}

}  // namespace

RoundBlocks::RoundBlocks(std::uint64_t seed, std::uint32_t stage, std::size_t elements,
                         double share)
    : seed_(mix_seed(seed, stage)),
      blocks_(static_cast<std::uint32_t>((elements + kShareWidth - 1) / kShareWidth)) {
  BRIGADE_CHECK(elements > 0 && share > 0 && share <= 1);
  const auto wanted = static_cast<std::uint32_t>(std::lround(share * blocks_));
  const std::uint32_t at_least_one = std::clamp<std::uint32_t>(wanted, 1, kMostBlocks);
  rounds_ = (blocks_ + at_least_one - 1) / at_least_one;
  // Spread evenly over the rounds, so that little of the last one is a repeat.
  of_a_round_ = (blocks_ + rounds_ - 1) / rounds_;
}

std::vector<std::uint32_t> RoundBlocks::of(std::uint64_t round) const {
  std::vector<std::uint32_t> order(blocks_);
  std::iota(order.begin(), order.end(), 0);
  Random random(mix_seed(seed_, round / rounds_));
  for (std::uint32_t i = blocks_ - 1; i > 0; --i) {
    std::swap(order[i], order[random.below(std::uint64_t{i} + 1)]);
  }
  std::vector<std::uint32_t> named(of_a_round_);
  const std::uint64_t first = round % rounds_ * of_a_round_;
  for (std::uint32_t i = 0; i < of_a_round_; ++i) named[i] = order[(first + i) % blocks_];
  std::ranges::sort(named);
  return named;
}

void copy_blocks_from(std::span<const float> buffer, std::span<const std::uint32_t> blocks,
                      std::span<float> values) {
  for_each_block(buffer.size(), blocks, values.size(),
                 [&](std::size_t from, std::size_t to, std::size_t count) {
                   std::memcpy(&values[to], &buffer[from], count * sizeof(float));
                   std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(to + count),
                               kShareWidth - count, 0.0F);
                 });
}

void copy_blocks_to(std::span<float> buffer, std::span<const std::uint32_t> blocks,
                    std::span<const float> values) {
  for_each_block(buffer.size(), blocks, values.size(),
                 [&](std::size_t to, std::size_t from, std::size_t count) {
                   std::memcpy(&buffer[to], &values[from], count * sizeof(float));
                 });
}

double distance_between(std::span<const float> mine, std::span<const float> theirs) {
  BRIGADE_CHECK(mine.size() == theirs.size());
  double own = 0;
  double apart = 0;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const double value = mine[i];
    const double difference = static_cast<double>(theirs[i]) - value;
    own += value * value;
    apart += difference * difference;
  }
  return apart == 0 ? 0 : std::sqrt(apart / own);
}

Result<> add_difference(std::span<float> now, std::span<const float> mine,
                        std::span<const float> theirs, double weight) {
  BRIGADE_CHECK(now.size() == mine.size() && now.size() == theirs.size());
  const std::int32_t largest =
      add_difference_pass(now.data(), mine.data(), theirs.data(), weight, now.size());
  if (largest < loops::kNotFinite) return {};
  return make_error(ErrorCode::kProtocol,
                    "averaging with a replica would give weights that are not finite");
}

}  // namespace brigade::stage

// Two replicas of a stage in one process: what they give each other and what becomes of it.
#include <algorithm>
#include <cstring>
#include <limits>

#include "stage_runtime/averaging.hpp"
#include "tests/unit/stage/fixtures.hpp"

namespace brigade::stage {
namespace {

using Replica = std::unique_ptr<Stage>;

StageOptions replica_options() {
  StageOptions options = small_stage();
  options.method.average_share = 0.3;
  options.method.warmup_updates = 0;
  return options;
}

/// Updates from micro-batches of its own.
void learn(Stage& stage, const StageOptions& options, std::uint64_t from, std::uint64_t count) {
  for (std::uint64_t m = from; m < from + count; ++m) {
    const auto tokens = random_tokens(options, m);
    must(stage.forward(id_of(m), {}, tokens, true));
    must(stage.backward(id_of(m), {}, tokens, {}));
    must(stage.update({.update = m - from, .microbatches = 1}));
  }
}

Encoded encoded(const Bytes& bytes, Codec codec = Codec::kFp32) {
  return {bytes.view(), codec};
}

std::uint64_t rounds_of(const Stage& stage, const StageOptions& options) {
  const std::size_t elements = stage.param_bytes() / sizeof(float);
  return RoundBlocks(options.seed, options.slice.stage, elements, options.method.average_share)
      .rounds_a_cycle();
}

/// A cycle of rounds in which a and b move towards each other by `weight`.
void exchange(Stage& a, Stage& b, std::uint64_t rounds, double weight, Codec codec) {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const Bytes of_a = must(a.share(round, codec));
    const Bytes of_b = must(b.share(round, codec));
    must(a.blend(round, encoded(of_a, codec), encoded(of_b, codec), weight));
    must(b.blend(round, encoded(of_b, codec), encoded(of_a, codec), weight));
  }
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("replicas that exchange every block by half hold the same weights, halfway") {
  const StageOptions options = replica_options();
  const Replica a = must(Stage::make(options));
  const Replica b = must(Stage::make(options));
  learn(*a, options, 0, 5);
  learn(*b, options, 100, 5);
  const auto of_a = weights_of(*a), of_b = weights_of(*b);
  REQUIRE(of_a != of_b);
  // Blocks that fill up the last round were equal before it.
  exchange(*a, *b, rounds_of(*a, options), 0.5, Codec::kFp32);
  const auto met = weights_of(*a);
  CHECK(met == weights_of(*b));
  for (std::size_t i = 0; i < met.size(); ++i) {
    REQUIRE(met[i] == Approx((of_a[i] + of_b[i]) / 2).margin(1e-6));
  }
}

TEST_CASE("a replica that gives way in full takes over the other's weights") {
  const StageOptions options = replica_options();
  const Replica a = must(Stage::make(options));
  const Replica b = must(Stage::make(options));
  learn(*a, options, 0, 5);
  const auto wanted = weights_of(*a);
  for (std::uint64_t round = 0; round < rounds_of(*a, options); ++round) {
    const Bytes mine = must(b->share(round, Codec::kFp32));
    const Bytes theirs = must(a->share(round, Codec::kFp32));
    CHECK(mine.size == std::size_t{b->share_blocks()} * kShareWidth * sizeof(float));
    must(b->blend(round, encoded(mine), encoded(theirs), 1.0));
  }
  CHECK(weights_of(*b) == wanted);
  CHECK(weights_of(*a) == wanted);
}

TEST_CASE("bf16 brings replicas together to its rounding, and leaves equal ones alone") {
  StageOptions options = replica_options();
  options.method.learning_rate = 1e-2;
  const Replica a = must(Stage::make(options));
  const Replica b = must(Stage::make(options));
  const auto start = weights_of(*a);
  exchange(*a, *b, rounds_of(*a, options), 0.5, Codec::kBf16);
  CHECK(weights_of(*a) == start);
  learn(*a, options, 0, 20);
  learn(*b, options, 100, 20);
  const float before = largest_difference(weights_of(*a), weights_of(*b));
  exchange(*a, *b, rounds_of(*a, options), 0.5, Codec::kBf16);
  const auto largest = std::ranges::max(weights_of(*a), {}, [](float w) { return std::abs(w); });
  const float after = largest_difference(weights_of(*a), weights_of(*b));
  CHECK(after > 0);
  CHECK(after < before / 4);
  CHECK(after <= std::abs(largest) * 0x1p-7F);  // the errors of both
}

TEST_CASE("what was learned since a share was taken stays, in every method") {
  for (const char* const method : {"nesterov", "nesterov-muon", "pipedream", "2bw"}) {
    CAPTURE(method);
    StageOptions options = replica_options();
    options.method.name = method;
    options.method.average_share = 1;
    options.method.tau_source = TauSource::kFixed;
    options.method.tau_fixed = 2;
    const Replica a = must(Stage::make(options));
    const Replica alone = must(Stage::make(options));
    const Replica b = must(Stage::make(options));
    for (const auto& stage : {a.get(), alone.get()}) learn(*stage, options, 0, 3);
    learn(*b, options, 100, 5);
    const Bytes mine = must(a->share(0, Codec::kFp32));
    const Bytes theirs = must(b->share(0, Codec::kFp32));
    const auto then = weights_of(*a), other = weights_of(*b);
    for (const auto& stage : {a.get(), alone.get()}) learn(*stage, options, 10, 3);
    const auto now = weights_of(*alone);
    must(a->blend(0, encoded(mine), encoded(theirs), 0.5));
    const auto blended = weights_of(*a);
    for (std::size_t i = 0; i < now.size(); ++i) {
      REQUIRE(blended[i] == Approx(now[i] + (other[i] - then[i]) / 2).margin(1e-6));
    }
    CHECK(
        std::ranges::equal(a->snapshot()->moments[0].span(), alone->snapshot()->moments[0].span()));
    CHECK(a->snapshot()->counters.steps == alone->snapshot()->counters.steps);
  }
}

TEST_CASE("a backward that reads its forward's weights reads them as they were before a blend") {
  StageOptions options = replica_options();
  options.method.average_share = 1;
  options.method.name = "pipedream";
  const Replica a = must(Stage::make(options));
  const Replica alone = must(Stage::make(options));
  const Replica b = must(Stage::make(options));
  learn(*b, options, 100, 5);
  const auto tokens = random_tokens(options, 1);
  for (const auto& stage : {a.get(), alone.get()}) {
    must(stage->forward(id_of(1), {}, tokens, true));
  }
  const Bytes mine = must(a->share(0, Codec::kFp32));
  must(a->blend(0, encoded(mine), encoded(must(b->share(0, Codec::kFp32))), 0.5));
  CHECK(a->weight_versions() == 2);
  for (const auto& stage : {a.get(), alone.get()}) {
    must(stage->backward(id_of(1), {}, tokens, {}));
    must(stage->update({.update = 0, .microbatches = 1}));
  }
  CHECK(std::ranges::equal(a->snapshot()->moments[0].span(), alone->snapshot()->moments[0].span()));
  CHECK(weights_of(*a) != weights_of(*alone));
}

TEST_CASE("bytes of a replica that make no sense change nothing") {
  const StageOptions options = replica_options();
  const Replica stage = must(Stage::make(options));
  const auto before = weights_of(*stage);
  const Bytes mine = must(stage->share(4, Codec::kFp32));
  const auto is_refused = [&](const Encoded& own, const Encoded& theirs, double weight) {
    const auto result = stage->blend(4, own, theirs, weight);
    REQUIRE(result.has_error());
    CHECK(result.error().code == ErrorCode::kProtocol);
    CHECK(weights_of(*stage) == before);
  };
  std::vector<std::byte> bad(mine.view().begin(), mine.view().end());
  const auto put = [&](float value) { std::memcpy(bad.data() + 400, &value, sizeof value); };
  put(std::numeric_limits<float>::quiet_NaN());
  is_refused(encoded(mine), bad, 0.5);
  put(std::numeric_limits<float>::infinity());
  is_refused(encoded(mine), bad, 0.5);
  is_refused(encoded(mine), mine.view().first(mine.size - 4), 0.5);
  is_refused(encoded(mine), std::span<const std::byte>(), 0.5);
  is_refused(mine.view().first(4), encoded(mine), 0.5);
  is_refused(encoded(mine), encoded(mine, Codec::kBf16), 0.5);
  is_refused(encoded(mine), encoded(mine, Codec::kInt8), 0.5);
  is_refused(encoded(mine), encoded(mine), 1.5);
  is_refused(encoded(mine), encoded(mine), -0.5);
  is_refused(encoded(mine), encoded(mine), std::numeric_limits<double>::quiet_NaN());
  CHECK(stage->share(4, Codec::kInt8).error().code == ErrorCode::kBadInput);
}

TEST_CASE("the gaps between parameters and beyond their end stay zero whatever a replica sends") {
  StageOptions options = replica_options();
  options.model.width = 12;
  const Replica stage = must(Stage::make(options));
  const auto snapshot = stage->snapshot();
  const Layout& layout = snapshot->layout;
  REQUIRE(layout.parameter_count() < layout.buffer_size());
  std::vector<float> ones(std::size_t{stage->share_blocks()} * kShareWidth, 1.0F);
  for (std::uint64_t round = 0; round < rounds_of(*stage, options); ++round) {
    const Bytes mine = must(stage->share(round, Codec::kFp32));
    must(stage->blend(round, encoded(mine), std::as_bytes(std::span(ones)), 1.0));
  }
  const auto weights = weights_of(*stage);
  std::size_t parameters = 0;
  for (const Parameter& parameter : layout.parameters()) {
    for (std::size_t i = 0; i < parameter.size; ++i) {
      REQUIRE(weights[parameter.offset + i] == 1.0F);
    }
    parameters += parameter.size;
  }
  CHECK(std::ranges::count(weights, 0.0F) ==
        static_cast<std::ptrdiff_t>(weights.size() - parameters));
}

}  // namespace brigade::stage

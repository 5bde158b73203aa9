#include "stage_runtime/stage.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/unit/stage/fixtures.hpp"

namespace brigade::stage {
namespace {

StageOptions middle_stage() {
  StageOptions options = small_stage(4);
  options.slice = {.stage = 1, .stages = 4, .first_block = 1, .blocks = 1};
  return options;
}

std::vector<std::byte> random_rows(const StageOptions& options, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(std::size_t{options.batch} * options.tokens * options.model.width);
  for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

/// A stage in the middle, and a micro-batch for it.
struct Middle {
  const StageOptions options = middle_stage();
  const std::unique_ptr<Stage> stage = must(Stage::make(options));
  const std::vector<std::int32_t> tokens = random_tokens(options, 1);
  const std::vector<std::byte> input = random_rows(options, 2);
  const std::vector<std::byte> gradient = random_rows(options, 3);

  Bytes backward(const Encoded& with) const {
    return must(stage->backward(id_of(0), input, tokens, with));
  }
};

bool is_equal(const Bytes& left, const Bytes& right) {
  return std::ranges::equal(left.view(), right.view());
}

}  // namespace

TEST_CASE("recompute and saved activations give the same bits while weights stand still") {
  StageOptions options = middle_stage();
  const auto saved = must(Stage::make(options));
  options.recompute = true;
  const auto recomputed = must(Stage::make(options));
  const auto tokens = random_tokens(options, 1);
  const auto input = random_rows(options, 2);
  const auto gradient = random_rows(options, 3);
  const auto a = must(saved->forward(id_of(0), input, tokens, true));
  const auto b = must(recomputed->forward(id_of(0), input, tokens, true));
  CHECK(is_equal(a.activation, b.activation));
  CHECK(saved->kept_bytes() > 0);
  CHECK(recomputed->kept_bytes() == 0);
  CHECK(is_equal(must(saved->backward(id_of(0), input, tokens, gradient)),
                 must(recomputed->backward(id_of(0), input, tokens, gradient))));
  must(saved->update({.update = 0, .microbatches = 1}));
  must(recomputed->update({.update = 0, .microbatches = 1}));
  CHECK(weights_of(*saved) == weights_of(*recomputed));
}

TEST_CASE("what is kept is what was estimated, and forgetting gives it back") {
  for (const bool recompute : {false, true}) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      StageOptions options = middle_stage();
      options.recompute = recompute;
      options.slice.stage = options.slice.first_block = i;
      const auto stage = must(Stage::make(options));
      const MemoryEstimate estimate = estimate_memory(options.model, options.slice, options.batch,
                                                      options.tokens, options.method, recompute);
      CHECK(estimate.parameters == stage->parameters());
      CHECK(estimate.param_bytes == stage->param_bytes());
      CHECK(estimate.state_bytes == stage->state_bytes());
      const auto input = i == 0 ? std::vector<std::byte>() : random_rows(options, 2);
      for (std::uint64_t m = 0; m < 3; ++m) {
        must(stage->forward(id_of(m), input, random_tokens(options, m), true));
      }
      if (!recompute) {
        CHECK(static_cast<double>(stage->kept_bytes()) ==
              Approx(3.0 * static_cast<double>(estimate.kept_bytes_per_microbatch)).epsilon(0.01));
        stage->forget(id_of(1));
        CHECK(static_cast<double>(stage->kept_bytes()) ==
              Approx(2.0 * static_cast<double>(estimate.kept_bytes_per_microbatch)).epsilon(0.01));
      }
      must(stage->forward(id_of(9), input, random_tokens(options, 9), /*keeps=*/false));
      stage->forget_all();
      CHECK(stage->kept_bytes() == 0);
      CHECK(stage->weight_versions() == 1);
    }
  }
}

TEST_CASE("a tail that recomputes keeps one forward at most") {
  StageOptions options = small_stage();
  options.recompute = true;
  const auto stage = must(Stage::make(options));
  must(stage->forward(id_of(0), {}, random_tokens(options, 0), true));
  const std::uint64_t one = stage->kept_bytes();
  must(stage->forward(id_of(1), {}, random_tokens(options, 1), true));
  CHECK(stage->kept_bytes() == one);
  must(stage->backward(id_of(0), {}, random_tokens(options, 0), {}));
  must(stage->backward(id_of(1), {}, random_tokens(options, 1), {}));
  CHECK(stage->kept_bytes() == 0);
}

TEST_CASE("a backward whose forward was forgotten is computed again from its input") {
  const Middle middle;
  must(middle.stage->forward(id_of(0), middle.input, middle.tokens, true));
  const Bytes expected = middle.backward(middle.gradient);
  CHECK(is_equal(expected, middle.backward(middle.gradient)));
}

TEST_CASE("a gradient is multiplied by the scale that comes with it") {
  const Middle middle;
  Encoded halved = middle.gradient;
  halved.scale = 0.5F;
  const Bytes whole = middle.backward(middle.gradient);
  const Bytes half = middle.backward(halved);
  const std::uint64_t elements = whole.size / sizeof(float);
  CHECK(root_mean_square(Codec::kFp32, half.view(), elements) ==
        Approx(root_mean_square(Codec::kFp32, whole.view(), elements) / 2));
}

TEST_CASE("bytes from a peer that do not fit, and values that are not finite, are its fault") {
  const StageOptions options = middle_stage();
  const auto stage = must(Stage::make(options));
  const auto tokens = random_tokens(options, 1);
  const auto input = random_rows(options, 2);
  const auto is_refused = [&](std::span<const std::byte> bytes, std::span<const std::int32_t> ids) {
    const auto result = stage->forward(id_of(0), bytes, ids, true);
    REQUIRE(result.has_error());
    CHECK(result.error().code == ErrorCode::kProtocol);
    CHECK(result.error().message.find('\n') == std::string::npos);
  };
  is_refused(std::span(input).first(input.size() - 4), tokens);
  is_refused({}, tokens);
  is_refused(input, std::span(tokens).first(tokens.size() - 1));
  is_refused(input, {});
  auto bad_tokens = tokens;
  bad_tokens[3] = -1;
  is_refused(input, bad_tokens);
  bad_tokens[3] = static_cast<std::int32_t>(options.model.vocabulary);
  is_refused(input, bad_tokens);
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    auto bad = input;
    std::memcpy(bad.data() + 40, &value, sizeof value);
    is_refused(bad, tokens);
    must(stage->forward(id_of(0), input, tokens, true));
    CHECK(stage->backward(id_of(0), input, tokens, bad).error().code == ErrorCode::kProtocol);
  }
}

TEST_CASE("a gradient that is not finite never reaches the weights") {
  StageOptions options = middle_stage();
  options.method.name = "gpipe";
  const auto stage = must(Stage::make(options));
  const auto before = weights_of(*stage);
  const auto tokens = random_tokens(options, 1);
  const auto input = random_rows(options, 2);
  std::vector<float> huge(input.size() / sizeof(float), std::numeric_limits<float>::max());
  must(stage->forward(id_of(0), input, tokens, true));
  const auto answer = stage->backward(id_of(0), input, tokens, std::as_bytes(std::span(huge)));
  REQUIRE(answer.has_error());
  CHECK(answer.error().message.find("not finite") != std::string::npos);
  const auto report = stage->update({.update = 0, .microbatches = 1});
  REQUIRE(report.has_error());
  CHECK(report.error().message.find("not finite") != std::string::npos);
  CHECK(weights_of(*stage) == before);
  // The bad gradient is gone: the next update works.
  must(stage->forward(id_of(1), input, tokens, true));
  must(stage->backward(id_of(1), input, tokens, random_rows(options, 5)));
  must(stage->update({.update = 0, .microbatches = 1}));
  CHECK(weights_of(*stage) != before);
}

TEST_CASE("an update reports rate, momentum and the norm before clipping") {
  StageOptions options = small_stage();
  options.method.clip = 0.01;
  options.method.tau_source = TauSource::kFixed;
  options.method.tau_fixed = 3;
  const auto stage = must(Stage::make(options));
  const auto tokens = random_tokens(options, 1);
  must(stage->forward(id_of(0), {}, tokens, true));
  must(stage->backward(id_of(0), {}, tokens, {}));
  const UpdateReport report = must(stage->update({.update = 200, .microbatches = 1}));
  CHECK(report.gradient_norm > 0.01);
  CHECK(report.beta1 == Approx(0.99));
  CHECK(report.learning_rate > 0);
}

TEST_CASE("reset goes back to the first bit of the seeded start") {
  const StageOptions options = small_stage();
  const auto stage = must(Stage::make(options));
  const auto start = weights_of(*stage);
  const auto tokens = random_tokens(options, 1);
  must(stage->forward(id_of(0), {}, tokens, true));
  must(stage->backward(id_of(0), {}, tokens, {}));
  must(stage->update({.update = 100, .microbatches = 1}));
  CHECK(weights_of(*stage) != start);
  must(stage->reset());
  CHECK(weights_of(*stage) == start);
  const auto snapshot = stage->snapshot();
  CHECK(snapshot->counters.steps == 0);
  for (const float value : snapshot->moments[1].span()) REQUIRE(value == 0.0F);
}

TEST_CASE("only methods that stash keep older versions, and only while someone needs them") {
  const auto most_versions = [](const std::string& method, std::uint32_t accumulate) {
    StageOptions options = middle_stage();
    options.method.name = method;
    options.method.accumulate = accumulate;
    const auto stage = must(Stage::make(options));
    const auto input = random_rows(options, 2);
    const auto tokens = random_tokens(options, 1);
    constexpr std::uint64_t kDelay = 2;
    std::uint32_t most = 0;
    for (std::uint64_t m = 0; m < 12; ++m) {
      must(stage->forward(id_of(m), input, tokens, true));
      most = std::max(most, stage->weight_versions());
      if (m < kDelay) continue;
      must(stage->backward(id_of(m - kDelay), input, tokens, random_rows(options, m)));
      if ((m - kDelay + 1) % accumulate == 0) must(stage->update({.update = m, .microbatches = 1}));
    }
    stage->forget_all();
    CHECK(stage->weight_versions() == 1);
    return most;
  };
  CHECK(most_versions("nesterov", 1) == 1);
  CHECK(most_versions("paci", 4) == 1);
  CHECK(most_versions("pipedream", 1) == 3);
  CHECK(most_versions("nesterov-stash", 1) == 3);
  CHECK(most_versions("2bw", 4) == 2);
}

TEST_CASE("the drift of the weights is measured where there is staleness, along the momentum") {
  for (const char* const method : {"nesterov", "nesterov-muon", "pipedream"}) {
    CAPTURE(method);
    StageOptions options = small_stage();
    options.method.name = method;
    options.method.warmup_updates = 0;
    const auto stage = must(Stage::make(options));
    const auto tokens = random_tokens(options, 1);
    const auto train = [&](std::uint64_t m) {
      must(stage->backward(id_of(m), {}, tokens, {}));
      must(stage->update({.update = m, .microbatches = 1}));
    };
    for (std::uint64_t m = 0; m < 8; ++m) {  // one at a time: never stale
      must(stage->forward(id_of(m), {}, tokens, true));
      train(m);
    }
    CHECK(stage->drift().samples == 0);
    must(stage->forward(id_of(8), {}, tokens, true));
    for (std::uint64_t m = 9; m < 20; ++m) {
      must(stage->forward(id_of(m), {}, tokens, true));
      train(m - 1);
    }
    CHECK(stage->drift().samples > 4);
    CHECK(stage->drift().norm > 0);
    // Always the same tokens: the momentum knows where the weights go.
    CHECK(stage->drift().cosine > 0.8);
    CHECK(stage->drift().cosine < 1 + 1e-6);
    const auto before = stage->drift().samples;
    must(stage->forward(id_of(20), {}, tokens, true));
    stage->forget_all();
    train(20);
    CHECK(stage->drift().samples == before);
  }
}

TEST_CASE("settings and devices that can't be are one clear line") {
  const auto refused = [](auto change, ErrorCode code) {
    StageOptions options = small_stage();
    change(options);
    const auto stage = Stage::make(options);
    REQUIRE(stage.has_error());
    CHECK(stage.error().code == code);
    CHECK(stage.error().message.find('\n') == std::string::npos);
  };
  refused([](StageOptions& o) { o.method.name = "sgd"; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.model.heads = 3; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.tokens = 9; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.batch = 0; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.slice.blocks = 7; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.device = "gpu"; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.device = "cuda:x"; }, ErrorCode::kBadInput);
  refused([](StageOptions& o) { o.device = "cuda:-1"; }, ErrorCode::kBadInput);
  StageOptions options = small_stage();
  options.device = "auto";
  if (must(Stage::make(options))->device() != "cpu") {
    WARN("SKIPPED: this machine has a GPU that works, so cuda:0 is not refused");
    return;
  }
  refused([](StageOptions& o) { o.device = "cuda:0"; }, ErrorCode::kUnsupported);
}

}  // namespace brigade::stage

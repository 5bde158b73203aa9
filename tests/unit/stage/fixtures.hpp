// What the tests of stages share: a small model, a line of stages, random tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "stage_runtime/snapshot.hpp"
#include "stage_runtime/stage.hpp"
#include "tests/catch.hpp"
#include "tests/vectors/pipeline.hpp"

namespace brigade::stage {

inline ModelShape small_model(std::uint32_t blocks) {
  ModelShape model;
  model.vocabulary = 19;
  model.context = 8;
  model.width = 16;
  model.blocks = blocks;
  model.heads = 2;
  model.init_std = 0.2;
  return model;
}

inline StageOptions small_stage(std::uint32_t blocks = 2) {
  StageOptions options;
  options.model = small_model(blocks);
  options.slice = {.stage = 0, .stages = 1, .first_block = 0, .blocks = blocks};
  options.batch = 2;
  options.tokens = 8;
  options.device = "cpu";
  return options;
}

inline std::vector<std::int32_t> random_tokens(const StageOptions& options, std::uint64_t seed) {
  Random random(mix_seed(seed, 4711));
  std::vector<std::int32_t> tokens(std::size_t{options.batch} * (options.tokens + 1));
  for (auto& token : tokens) {
    token = static_cast<std::int32_t>(random.below(options.model.vocabulary));
  }
  return tokens;
}

inline MicrobatchId id_of(std::uint64_t sequence) {
  return {.epoch = Epoch(1), .head = HeadIndex(0), .sequence = Sequence(sequence)};
}

template <class T>
T must(Result<T> result) {
  if (result.has_error()) FAIL(result.error().message);
  return std::move(result).value();
}
inline void must(const Result<>& result) {
  if (result.has_error()) FAIL(result.error().message);
}

inline std::vector<float> weights_of(const Stage& stage) {
  const auto snapshot = stage.snapshot();
  const auto weights = snapshot->weights.span();
  return {weights.begin(), weights.end()};
}

}  // namespace brigade::stage

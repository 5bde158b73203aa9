// Draws the next token from a model's scores.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.hpp"
#include "base/result.hpp"

namespace brigade::stage {

struct SamplingOptions {
  double temperature = 0.8;  // 0: always the likeliest
  std::uint32_t top_k = 0;   // only that many of the likeliest; 0: all
};

/// `scores` are logits, one an id. kCorrupt where they are not finite: a diverged model. Ties go to
/// the lower id.
Result<std::int32_t> sample_token(std::span<const float> scores, const SamplingOptions& options,
                                  Random& random);

}  // namespace brigade::stage

// Learning rate over the updates of a stage, before a method's corrections.
#pragma once

#include <cstdint>

#include "stage_runtime/stage.hpp"

namespace brigade::stage {

/// Linear from warmup_start to learning_rate over the first warmup_updates updates, then a cosine
/// to learning_rate · final_ratio at total_updates; constant after it. `update` counts from 0.
double scheduled_rate(const MethodSettings& settings, std::uint64_t update);

}  // namespace brigade::stage

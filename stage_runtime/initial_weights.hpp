// Seeded initialisation: N(0, init_std) for matrices and embeddings, gains 1, biases 0, no residual
// scaling. Every element is a pure function of (seed, parameter name, index), so a model starts the
// same whatever its split.
#pragma once

#include <cstdint>
#include <span>

#include "stage_runtime/layout.hpp"

namespace brigade::stage {

/// Fills `weights` (layout.buffer_size() elements); gaps become zero. A tied head that lives apart
/// from its embedding (P > 1) starts as the embedding's copy.
void fill_initial_weights(const ModelShape& model, const Layout& layout, std::uint64_t seed,
                          std::span<float> weights);

}  // namespace brigade::stage

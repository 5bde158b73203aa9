// Orthogonalises matrices by matrix products alone (Newton–Schulz, fifth order): what makes Muon's
// direction. docs/method.md has the formula and what fewer steps cost.
#pragma once

#include <ATen/core/Tensor.h>

namespace brigade::stage {

inline constexpr int kNewtonSchulzSteps = 5;

/// (n, r, c) with r ≤ c, each matrix for itself: X = Q/(‖Q‖ + 1e-7), then `steps` times
/// A = X Xᵀ, X ← a X + (b A + c A A) X. Computed in the tensor's own type.
at::Tensor newton_schulz(const at::Tensor& matrices, int steps = kNewtonSchulzSteps);

}  // namespace brigade::stage

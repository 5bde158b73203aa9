// Orthogonalises matrices by matrix products alone (Newton–Schulz, fifth order): what makes Muon's
// direction. docs/method.md has the formula and what fewer steps cost.
#pragma once

#include <ATen/core/Tensor.h>

namespace brigade::stage {

inline constexpr int kNewtonSchulzSteps = 5;

/// (n, r, c) with r ≤ c, each matrix for itself: X = Q/(‖Q‖ + 1e-7), then `steps` times
/// A = X Xᵀ, X ← P X with P = a + b A + c A A. Computed in the tensor's own type.
///
/// Cost a matrix and step: 4 r²c + 2 r³ multiply-adds. Where c > 1.5 r all steps run on A alone
/// (A ← P A P, since P and A commute) and X is multiplied once, by the product of the P: half the
/// work for the matrices of the MLP, the same result within rounding.
at::Tensor newton_schulz(const at::Tensor& matrices, int steps = kNewtonSchulzSteps);

}  // namespace brigade::stage

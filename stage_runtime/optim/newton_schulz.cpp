#include "stage_runtime/optim/newton_schulz.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "base/check.hpp"

namespace brigade::stage {
namespace {

// Keller Jordan's coefficients: the fastest growth of small singular values that keeps the large
// ones near one.
constexpr double kLinear = 3.4445;
constexpr double kCubic = -4.7750;
constexpr double kQuintic = 2.0315;
constexpr double kTiny = 1e-7;

/// P = a I + b A + c A A
at::Tensor polynomial(const at::Tensor& a) {
  at::Tensor p = at::baddbmm(a, a, a, kCubic, kQuintic);
  p.diagonal(0, 1, 2).add_(kLinear);
  return p;
}

at::Tensor by_products_of_x(at::Tensor x, int steps) {
  for (int step = 0; step < steps; ++step) {
    const at::Tensor a = at::bmm(x, x.transpose(1, 2));
    const at::Tensor b = at::baddbmm(a, a, a, kCubic, kQuintic);
    x = at::baddbmm(x, b, x, kLinear);
  }
  return x;
}

at::Tensor by_products_of_gram(const at::Tensor& x, int steps) {
  at::Tensor a = at::bmm(x, x.transpose(1, 2));
  at::Tensor product;
  for (int step = 0; step < steps; ++step) {
    const at::Tensor p = polynomial(a);
    product = step == 0 ? p : at::bmm(p, product);
    if (step + 1 < steps) a = at::bmm(at::bmm(p, a), p);
  }
  return at::bmm(product, x);
}

}  // namespace

at::Tensor newton_schulz(const at::Tensor& matrices, int steps) {
  BRIGADE_CHECK(matrices.dim() == 3 && matrices.size(1) <= matrices.size(2),
                "newton_schulz wants (n, r, c) with r <= c");
  const at::Tensor x =
      matrices / (at::linalg_vector_norm(matrices, 2, at::IntArrayRef{1, 2}, true) + kTiny);
  const bool is_wide = 2 * matrices.size(2) > 3 * matrices.size(1);
  return is_wide && steps > 0 ? by_products_of_gram(x, steps) : by_products_of_x(x, steps);
}

}  // namespace brigade::stage

#include "stage_runtime/attention.hpp"

#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/cat.h>

#include <array>

namespace brigade::stage {
namespace {

/// (N, D) as (B, H, T, D/H), a view.
at::Tensor as_heads(const BatchShape& shape, const at::Tensor& rows) {
  return rows.view({shape.batch, shape.tokens, shape.heads, shape.width / shape.heads})
      .transpose(1, 2);
}

/// q, k, v as (B, H, T, D/H), views into the fused tensor.
std::array<at::Tensor, 3> split_heads(const BatchShape& shape, const at::Tensor& qkv) {
  const at::Tensor parts =
      qkv.view({shape.batch, shape.tokens, 3, shape.heads, shape.width / shape.heads});
  return {parts.select(2, 0).transpose(1, 2), parts.select(2, 1).transpose(1, 2),
          parts.select(2, 2).transpose(1, 2)};
}

/// (B, H, T, D/H) as (N, D); a view where the kernel left heads inside rows.
at::Tensor as_rows(const BatchShape& shape, const at::Tensor& heads) {
  return heads.transpose(1, 2).reshape({shape.rows(), shape.width});
}

constexpr bool kIsCausal = true;
constexpr double kNoDropout = 0.0;

}  // namespace

at::Tensor attention_forward(const BatchShape& shape, const at::Tensor& qkv,
                             AttentionSaved& saved) {
  const auto [q, k, v] = split_heads(shape, qkv);
  at::Tensor out;
  if (qkv.is_cpu()) {
    std::tie(out, saved.logsumexp) =
        at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, kNoDropout, kIsCausal);
  } else {
    auto result = at::_scaled_dot_product_flash_attention(q, k, v, kNoDropout, kIsCausal,
                                                          /*return_debug_mask=*/false);
    out = std::get<0>(result);
    saved.logsumexp = std::get<1>(result);
    saved.philox_seed = std::get<6>(result);
    saved.philox_offset = std::get<7>(result);
  }
  saved.qkv = qkv;
  saved.out = as_rows(shape, out);
  return saved.out;
}

at::Tensor attention_backward(const BatchShape& shape, const AttentionSaved& saved,
                              const at::Tensor& output_gradient) {
  const auto [q, k, v] = split_heads(shape, saved.qkv);
  const at::Tensor out = as_heads(shape, saved.out);
  const at::Tensor out_gradient = as_heads(shape, output_gradient);
  std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients;
  if (saved.qkv.is_cpu()) {
    gradients = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        out_gradient, q, k, v, out, saved.logsumexp, kNoDropout, kIsCausal);
  } else {
    const at::Tensor no_lengths;  // all sequences have T tokens
    gradients = at::_scaled_dot_product_flash_attention_backward(
        out_gradient, q, k, v, out, saved.logsumexp, no_lengths, no_lengths, shape.tokens,
        shape.tokens, kNoDropout, kIsCausal, saved.philox_seed, saved.philox_offset);
  }
  return at::cat({as_rows(shape, std::get<0>(gradients)), as_rows(shape, std::get<1>(gradients)),
                  as_rows(shape, std::get<2>(gradients))},
                 1);
}

}  // namespace brigade::stage

// Causal self-attention through the kernels behind libtorch's scaled_dot_product_attention, called
// directly so that forward and backward need no autograd graph.
#pragma once

#include "stage_runtime/modules.hpp"

namespace brigade::stage {

/// qkv (N, 3D) → (N, D). Fills `saved`, which shares the tensors it names.
at::Tensor attention_forward(const BatchShape& shape, const at::Tensor& qkv, AttentionSaved& saved);
/// Gradient of qkv (N, 3D) from that of the output (N, D).
at::Tensor attention_backward(const BatchShape& shape, const AttentionSaved& saved,
                              const at::Tensor& output_gradient);

}  // namespace brigade::stage

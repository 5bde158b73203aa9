// The layers of GPT-2 with forward and backward written out on libtorch's kernels. No autograd: the
// backward says which weights it reads (the newest, or a kept version), gradients are accumulated
// straight into the flat buffer, and what is kept for a micro-batch is a struct that can be
// counted.
//
// Rows: N = B·T. All tensors are contiguous in the device's compute type, except gradients of
// parameters, which are views into the flat fp32 buffer. The formulas follow Hugging Face's GPT-2:
// pre-norm, y = x · W + b with W (in, out), GELU in its tanh form, no dropout.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "stage_runtime/layout.hpp"

namespace brigade::stage {

struct BatchShape {
  std::int64_t batch = 0;   // B
  std::int64_t tokens = 0;  // T
  std::int64_t width = 0;   // D
  std::int64_t heads = 0;   // H
  double epsilon = 1e-5;    // of the norms
  std::int64_t rows() const { return batch * tokens; }
};

struct NormTensors {
  at::Tensor gain, bias;  // (D)
};
struct LinearTensors {
  at::Tensor weight, bias;  // (in, out), (out)
};
struct BlockTensors {
  NormTensors attention_norm, mlp_norm;
  LinearTensors qkv;   // (D, 3D): q, k, v side by side
  LinearTensors out;   // (D, D)
  LinearTensors up;    // (D, 4D)
  LinearTensors down;  // (4D, D)
};

/// Views of one flat buffer, weights or gradients alike. Undefined tensors where the slice has
/// none.
struct ModelTensors {
  at::Tensor token_embedding, position_embedding;  // (V, D), (context, D)
  std::vector<BlockTensors> blocks;
  NormTensors final_norm;
  at::Tensor head;  // (V, D); the token embedding's view where tied

  static ModelTensors view(const Layout& layout, const Slice& slice, const at::Tensor& flat);
};

struct NormSaved {
  at::Tensor input, mean, rstd;  // (N, D), (N, 1), (N, 1)
};
struct AttentionSaved {
  at::Tensor qkv, out;                    // (N, 3D), (N, D)
  at::Tensor logsumexp;                   // (B, T, H) or as the kernel has it
  at::Tensor philox_seed, philox_offset;  // CUDA's kernel wants them back
};
struct BlockSaved {
  NormSaved attention_norm, mlp_norm;
  at::Tensor normed;  // (N, D): input of qkv
  AttentionSaved attention;
  at::Tensor mlp_normed;  // (N, D): input of up
  at::Tensor up, slope;   // (N, 4D): input of GELU, or GELU's slope there: one of the two
  at::Tensor active;      // (N, 4D): after GELU
};
struct TailSaved {
  NormSaved norm;
  at::Tensor normed;             // (N, D)
  at::Tensor log_probabilities;  // (N, V)
  at::Tensor targets;            // (N) int64
};

/// indices (N) int64 → (N, D).
at::Tensor embed(const ModelTensors& weights, const BatchShape& shape, const at::Tensor& indices);
void embed_backward(const ModelTensors& gradients, const BatchShape& shape,
                    const at::Tensor& indices, const at::Tensor& output_gradient);

/// (N, D) → (N, D); `saved` null where no backward will follow.
at::Tensor block_forward(const BlockTensors& weights, const BatchShape& shape, at::Tensor input,
                         BlockSaved* saved);
/// Gradient of the block's input; takes `output_gradient` over and releases what was saved as soon
/// as it was read.
at::Tensor block_backward(const BlockTensors& weights, const BlockTensors& gradients,
                          const BatchShape& shape, BlockSaved saved, at::Tensor output_gradient);

/// Final norm and head: (N, D) → logits (N, V).
at::Tensor tail_logits(const ModelTensors& weights, const BatchShape& shape,
                       const at::Tensor& input, TailSaved* saved);
/// Sum of −log p(target) over all rows, in double.
double tail_loss(const ModelTensors& weights, const BatchShape& shape, const at::Tensor& input,
                 const at::Tensor& targets, TailSaved* saved);
/// Gradient of the MEAN loss over the N rows with respect to the tail's input.
at::Tensor tail_backward(const ModelTensors& weights, const ModelTensors& gradients,
                         const BatchShape& shape, TailSaved saved);

}  // namespace brigade::stage

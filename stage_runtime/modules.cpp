#include "stage_runtime/modules.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/sum.h>

#include <string_view>

#include "base/check.hpp"
#include "stage_runtime/attention.hpp"
#include "stage_runtime/gelu.hpp"

namespace brigade::stage {
namespace {

constexpr std::string_view kGeluForm = "tanh";

/// gradient += aᵀ · b, with a (N, in), b (N, out); into fp32 also from bf16 operands.
void accumulate_product(const at::Tensor& gradient, const at::Tensor& a, const at::Tensor& b) {
  at::Tensor target = gradient;
  if (a.scalar_type() == target.scalar_type()) {
    target.addmm_(a.t(), b);
  } else {
    at::addmm_out(target, target, a.t(), b, target.scalar_type());
  }
}

/// gradient += column sums of b (N, out), summed in the gradient's type.
void accumulate_rows(const at::Tensor& gradient, const at::Tensor& b) {
  at::Tensor target = gradient;
  target.add_(at::sum(b, 0, /*keepdim=*/false, target.scalar_type()));
}

at::Tensor norm_forward(const NormTensors& weights, const BatchShape& shape,
                        const at::Tensor& input, NormSaved* saved) {
  auto [out, mean, rstd] =
      at::native_layer_norm(input, {shape.width}, weights.gain, weights.bias, shape.epsilon);
  if (saved != nullptr) *saved = {input, std::move(mean), std::move(rstd)};
  return out;
}

at::Tensor norm_backward(const NormTensors& weights, const NormTensors& gradients,
                         const BatchShape& shape, const NormSaved& saved,
                         const at::Tensor& output_gradient) {
  auto [input_gradient, gain_gradient, bias_gradient] =
      at::native_layer_norm_backward(output_gradient, saved.input, {shape.width}, saved.mean,
                                     saved.rstd, weights.gain, weights.bias, {true, true, true});
  gradients.gain.add_(gain_gradient);
  gradients.bias.add_(bias_gradient);
  return input_gradient;
}

at::Tensor linear_forward(const LinearTensors& weights, const at::Tensor& input) {
  return at::addmm(weights.bias, input, weights.weight);
}

/// residual + input · W + b, the sum being the product's accumulator.
at::Tensor linear_onto(const LinearTensors& weights, const at::Tensor& input,
                       const at::Tensor& residual) {
  at::Tensor out = at::add(residual, weights.bias);
  out.addmm_(input, weights.weight);
  return out;
}

at::Tensor linear_backward(const LinearTensors& weights, const LinearTensors& gradients,
                           const at::Tensor& input, const at::Tensor& output_gradient) {
  accumulate_product(gradients.weight, input, output_gradient);
  accumulate_rows(gradients.bias, output_gradient);
  return at::mm(output_gradient, weights.weight.t());
}

/// Our own GELU on one CPU thread, where it saves a tenth of the time; libtorch's, which is
/// parallel, with more threads and on CUDA.
bool uses_own_gelu(const at::Tensor& up) {
  return up.is_cpu() && at::get_num_threads() == 1;
}

/// `up` (N, 4D) → GELU of it. Where a backward will follow, what it needs goes to `saved`.
at::Tensor activate(at::Tensor up, BlockSaved* saved) {
  if (!uses_own_gelu(up)) {
    at::Tensor active = at::gelu(up, kGeluForm);
    if (saved != nullptr) saved->up = std::move(up);
    return active;
  }
  at::Tensor active = at::empty_like(up);
  auto* x = up.mutable_data_ptr<float>();
  auto* y = active.mutable_data_ptr<float>();
  const auto count = static_cast<std::size_t>(up.numel());
  if (saved == nullptr) {
    gelu(x, y, count);
    return active;
  }
  gelu_with_slope(x, y, x, count);
  saved->slope = std::move(up);
  return active;
}

/// In place: the gradient of `up` from that of `active`.
void activate_backward(at::Tensor& gradient, const BlockSaved& saved) {
  if (saved.slope.defined()) {
    gradient.mul_(saved.slope);
  } else {
    at::gelu_backward_out(gradient, gradient, saved.up, kGeluForm);
  }
}

}  // namespace

ModelTensors ModelTensors::view(const Layout& layout, const Slice& slice, const at::Tensor& flat) {
  const auto get = [&](std::string_view name) {
    const Parameter* parameter = layout.find(name);
    if (parameter == nullptr) return at::Tensor();
    return flat
        .narrow(0, static_cast<std::int64_t>(parameter->offset),
                static_cast<std::int64_t>(parameter->size))
        .view(parameter->shape);
  };
  ModelTensors tensors;
  tensors.token_embedding = get(kTokenEmbedding);
  tensors.position_embedding = get(kPositionEmbedding);
  for (std::uint32_t i = 0; i < slice.blocks; ++i) {
    const auto in_block = [&](std::string_view name) {
      return get(block_parameter(slice.first_block + i, name));
    };
    tensors.blocks.push_back({
        .attention_norm = {in_block("ln_1.weight"), in_block("ln_1.bias")},
        .mlp_norm = {in_block("ln_2.weight"), in_block("ln_2.bias")},
        .qkv = {in_block("attn.c_attn.weight"), in_block("attn.c_attn.bias")},
        .out = {in_block("attn.c_proj.weight"), in_block("attn.c_proj.bias")},
        .up = {in_block("mlp.c_fc.weight"), in_block("mlp.c_fc.bias")},
        .down = {in_block("mlp.c_proj.weight"), in_block("mlp.c_proj.bias")},
    });
  }
  tensors.final_norm = {get(kFinalNormGain), get(kFinalNormBias)};
  tensors.head = get(kHead);
  if (slice.is_tail() && !tensors.head.defined()) tensors.head = tensors.token_embedding;
  return tensors;
}

at::Tensor embed(const ModelTensors& weights, const BatchShape& shape, const at::Tensor& indices) {
  at::Tensor out = at::embedding(weights.token_embedding, indices);
  out.view({shape.batch, shape.tokens, shape.width})
      .add_(weights.position_embedding.narrow(0, 0, shape.tokens));
  return out;
}

void embed_backward(const ModelTensors& gradients, const BatchShape& shape,
                    const at::Tensor& indices, const at::Tensor& output_gradient) {
  const at::ScalarType type = gradients.token_embedding.scalar_type();
  at::Tensor tokens = gradients.token_embedding;
  tokens.index_add_(0, indices, output_gradient.to(type));
  gradients.position_embedding.narrow(0, 0, shape.tokens)
      .add_(at::sum(output_gradient.view({shape.batch, shape.tokens, shape.width}), 0,
                    /*keepdim=*/false, type));
}

at::Tensor block_forward(const BlockTensors& weights, const BatchShape& shape, at::Tensor input,
                         BlockSaved* saved) {
  BlockSaved unused;
  BlockSaved& keep = saved != nullptr ? *saved : unused;
  at::Tensor normed = norm_forward(weights.attention_norm, shape, input, &keep.attention_norm);
  const at::Tensor qkv = linear_forward(weights.qkv, normed);
  const at::Tensor attended = attention_forward(shape, qkv, keep.attention);
  at::Tensor middle = linear_onto(weights.out, attended, input);

  at::Tensor mlp_normed = norm_forward(weights.mlp_norm, shape, middle, &keep.mlp_norm);
  at::Tensor active = activate(linear_forward(weights.up, mlp_normed), saved);
  at::Tensor out = linear_onto(weights.down, active, middle);
  keep.normed = std::move(normed);
  keep.mlp_normed = std::move(mlp_normed);
  keep.active = std::move(active);
  return out;
}

at::Tensor block_backward(const BlockTensors& weights, const BlockTensors& gradients,
                          const BatchShape& shape, BlockSaved saved, at::Tensor output_gradient) {
  at::Tensor gradient =
      linear_backward(weights.down, gradients.down, saved.active, output_gradient);
  saved.active.reset();
  activate_backward(gradient, saved);
  saved.up.reset();
  saved.slope.reset();
  gradient = linear_backward(weights.up, gradients.up, saved.mlp_normed, gradient);
  saved.mlp_normed.reset();
  output_gradient.add_(
      norm_backward(weights.mlp_norm, gradients.mlp_norm, shape, saved.mlp_norm, gradient));
  saved.mlp_norm = {};

  gradient = linear_backward(weights.out, gradients.out, saved.attention.out, output_gradient);
  gradient = attention_backward(shape, saved.attention, gradient);
  saved.attention = {};
  gradient = linear_backward(weights.qkv, gradients.qkv, saved.normed, gradient);
  saved.normed.reset();
  output_gradient.add_(norm_backward(weights.attention_norm, gradients.attention_norm, shape,
                                     saved.attention_norm, gradient));
  return output_gradient;
}

at::Tensor tail_logits(const ModelTensors& weights, const BatchShape& shape,
                       const at::Tensor& input, TailSaved* saved) {
  TailSaved unused;
  TailSaved& keep = saved != nullptr ? *saved : unused;
  keep.normed = norm_forward(weights.final_norm, shape, input, &keep.norm);
  return at::mm(keep.normed, weights.head.t());
}

double tail_loss(const ModelTensors& weights, const BatchShape& shape, const at::Tensor& input,
                 const at::Tensor& targets, TailSaved* saved) {
  const at::Tensor logits = tail_logits(weights, shape, input, saved).to(at::kFloat);
  at::Tensor log_probabilities = at::_log_softmax(logits, 1, /*half_to_float=*/false);
  const at::Tensor chosen = log_probabilities.gather(1, targets.unsqueeze(1));
  const double nats = -at::sum(chosen, at::kDouble).item<double>();
  if (saved != nullptr) {
    saved->log_probabilities = std::move(log_probabilities);
    saved->targets = targets;
  }
  return nats;
}

at::Tensor tail_backward(const ModelTensors& weights, const ModelTensors& gradients,
                         const BatchShape& shape, TailSaved saved) {
  // d(mean loss)/d(logits) = (p − onehot(target)) / N, written over log p.
  at::Tensor logits_gradient = std::move(saved.log_probabilities);
  logits_gradient.exp_();
  logits_gradient.scatter_add_(1, saved.targets.unsqueeze(1),
                               at::full({shape.rows(), 1}, -1.0, logits_gradient.options()));
  logits_gradient.mul_(1.0 / static_cast<double>(shape.rows()));
  logits_gradient = logits_gradient.to(weights.head.scalar_type());

  accumulate_product(gradients.head, logits_gradient, saved.normed);
  const at::Tensor normed_gradient = at::mm(logits_gradient, weights.head);
  return norm_backward(weights.final_norm, gradients.final_norm, shape, saved.norm,
                       normed_gradient);
}

}  // namespace brigade::stage

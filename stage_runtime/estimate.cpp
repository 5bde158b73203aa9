// What a slice costs in FLOP and in memory, before it is built.
#include "stage_runtime/layout.hpp"
#include "stage_runtime/method/method.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

SliceCost model_cost(const ModelShape& model, std::uint32_t tokens) {
  const double width = model.width;
  // Forward: 2 FLOP a multiply-add; backward: twice the forward.
  constexpr double kForwardAndBackward = 3.0 * 2.0;
  const double matrices = 12.0 * width * width;                  // qkv 3, out 1, up 4, down 4
  const double attention = static_cast<double>(tokens) * width;  // causal: half of q·k and p·v
  return {
      .embedding = 4.0 * width,  // two rows added, and their gradients
      .head = kForwardAndBackward * width * model.vocabulary,
      .block = kForwardAndBackward * (matrices + attention),
  };
}

namespace {

/// What BlockSaved, TailSaved and the head's indices hold: modules.hpp, field by field.
std::uint64_t activation_bytes(const ModelShape& model, const Slice& slice, std::uint64_t batch,
                               std::uint64_t tokens) {
  constexpr std::uint64_t kFloat = 4;
  constexpr std::uint64_t kIndex = 8;
  const std::uint64_t rows = batch * tokens;
  const std::uint64_t norm_statistics = 2 * rows * kFloat;
  // input, normed, q, k, v, attention out, middle, its norm: 8 D; before and after GELU: 8 D.
  const std::uint64_t block = rows * 16 * model.width * kFloat + 2 * norm_statistics +
                              rows * model.heads * kFloat;  // logsumexp
  std::uint64_t total = slice.blocks * block;
  if (slice.is_head()) total += rows * kIndex;
  if (slice.is_tail()) {
    total += rows * (2 * model.width + model.vocabulary) * kFloat + norm_statistics + rows * kIndex;
  }
  return total;
}

}  // namespace

MemoryEstimate estimate_memory(const ModelShape& model, const Slice& slice, std::uint32_t batch,
                               std::uint32_t tokens, const MethodSettings& method, bool recompute) {
  const Layout layout = Layout::make(model, slice);
  MemoryEstimate estimate;
  estimate.parameters = layout.parameter_count();
  estimate.param_bytes = layout.buffer_size() * sizeof(float);
  estimate.state_bytes = 3 * estimate.param_bytes;  // gradient and two moments
  estimate.kept_bytes_per_microbatch =
      recompute ? 0 : activation_bytes(model, slice, batch, tokens);
  const auto found = find_method(method.name);
  if (found.has_value() && found.value()->weights == WeightsPolicy::kForward) {
    estimate.weight_versions = slice.stages - slice.stage;
  } else if (found.has_value() && found.value()->weights == WeightsPolicy::kGroupBefore) {
    estimate.weight_versions = 2;
  }
  return estimate;
}

}  // namespace brigade::stage

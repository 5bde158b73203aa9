#include "stage_runtime/stage.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "stage_runtime/arena.hpp"
#include "stage_runtime/averaging.hpp"
#include "stage_runtime/checkpoint.hpp"
#include "stage_runtime/codec.hpp"
#include "stage_runtime/drift_probe.hpp"
#include "stage_runtime/initial_weights.hpp"
#include "stage_runtime/method/method.hpp"
#include "stage_runtime/optim/optimizer.hpp"
#include "stage_runtime/optim/schedule.hpp"
#include "stage_runtime/slice_model.hpp"
#include "stage_runtime/token_batch.hpp"
#include "stage_runtime/weight_versions.hpp"

namespace brigade::stage {
namespace {

/// Runs `body` without autograd and turns foreign exceptions into errors: the only such place here.
template <class Body>
auto guarded(const Slice& slice, const char* what, const Body& body) -> decltype(body()) {
  try {
    const c10::InferenceMode no_autograd;
    return body();
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kLimit,
                      fmt::format("stage {}: {}: out of memory; use recompute, a smaller batch or "
                                  "more stages",
                                  slice.stage, what));
  } catch (const std::exception& error) {
    const std::string_view text = error.what();
    return make_error(ErrorCode::kUnsupported, fmt::format("stage {}: {}: {}", slice.stage, what,
                                                           text.substr(0, text.find('\n'))));
  }
}

Result<Bytes> encode_values(std::span<const float> values, Codec codec, const Rounding& rounding,
                            const std::string& what) {
  const std::uint64_t size = encoded_bytes(codec, values.size());
  Bytes bytes{std::make_unique_for_overwrite<std::byte[]>(size), size};
  BRIGADE_TRY(encode(codec, values, rounding, {bytes.data.get(), bytes.size}, what));
  return bytes;
}

/// Tensor (N, D) as bytes for the wire.
Result<Bytes> encode_rows(const at::Tensor& tensor, Codec codec, const Rounding& rounding,
                          const std::string& what) {
  const at::Tensor rows = tensor.to(at::kCPU, at::kFloat).contiguous();
  return encode_values({rows.const_data_ptr<float>(), static_cast<std::size_t>(rows.numel())},
                       codec, rounding, what);
}

/// int8 is for tensors that are used once: its step is larger than what an update changes.
bool holds_weights(Codec codec) {
  return codec == Codec::kFp32 || codec == Codec::kBf16;
}

class LocalStage final : public Stage {
 public:
  LocalStage(const StageOptions& options, const Method& method, std::unique_ptr<Device> device)
      : options_(options),
        method_(method),
        device_(std::move(device)),
        layout_(Layout::make(options.model, options.slice)),
        arena_(Arena::make(layout_, *device_)),
        versions_(layout_, options.slice, arena_.compute_weights(), method.weights,
                  options.method.accumulate),
        gradients_(ModelTensors::view(layout_, options.slice, arena_.gradients)),
        optimizer_(Optimizer::make(options.method, optimizer_of(method, options.method), layout_,
                                   arena_, *device_)),
        round_blocks_(options.seed, options.slice.stage, layout_.buffer_size(),
                      options.method.average_share),
        probe_(arena_.weights) {}

  Result<ForwardResult> forward(const MicrobatchId& id, const Encoded& activation,
                                std::span<const std::int32_t> tokens, bool keeps,
                                Codec answer) override;
  Result<Bytes> backward(const MicrobatchId& id, const Encoded& input,
                         std::span<const std::int32_t> tokens, const Encoded& gradient,
                         Codec answer) override;
  Result<UpdateReport> update(const UpdateOrder& order) override;
  void forget(const MicrobatchId& id) override;
  void forget_all() override;

  Result<Bytes> share(std::uint64_t round, Codec codec) const override;
  Result<> blend(std::uint64_t round, const Encoded& mine, const Encoded& theirs, double weight,
                 double farthest) override;
  std::uint32_t share_blocks() const override { return round_blocks_.blocks_a_round(); }

  SnapshotPtr snapshot() const override;
  Result<> reset() override;
  Result<> restore(std::span<const std::filesystem::path> files) override;

  std::uint64_t parameters() const override { return layout_.parameter_count(); }
  std::uint64_t param_bytes() const override { return layout_.buffer_size() * sizeof(float); }
  std::uint64_t state_bytes() const override { return (1 + kMoments) * param_bytes(); }
  std::uint64_t kept_bytes() const override;
  std::uint32_t weight_versions() const override { return versions_.count(); }
  Drift drift() const override { return probe_.drift(); }
  std::string device() const override { return device_->description(); }

 private:
  struct Kept {
    BatchShape shape;
    std::optional<SliceSaved> saved;  // absent: to be computed again
    std::uint64_t bytes = 0;
    std::uint64_t step = 0;                       // optimiser steps before the forward
    std::shared_ptr<const ModelTensors> weights;  // null: the newest at the backward
  };

  Result<TokenBatch> decode_tokens(std::span<const std::int32_t> tokens) const;
  Result<at::Tensor> decode_rows(const Encoded& encoded, const BatchShape& shape,
                                 const char* what) const;
  Result<SliceInput> decode_input(const TokenBatch& batch, const Encoded& activation) const;
  Rounding gradient_rounding(const MicrobatchId& id) const;
  bool keeps_activations() const;
  Result<> keep(const MicrobatchId& id, Kept kept);
  template <class Body>
  Result<SliceOutput> forward_ahead(const Body& body);
  void follow(const MicrobatchId& id);
  /// What the backward of `id` reads: kept since the forward, or computed again from its input.
  Result<Kept> take_kept(const MicrobatchId& id, const Encoded& input,
                         std::span<const std::int32_t> tokens);
  StepSettings prepare_step(const UpdateOrder& order, double gradient_scale,
                            UpdateReport& report) const;
  Result<> load(const HostBuffer& weights, const std::array<HostBuffer, kMoments>& moments,
                const OptimizerCounters& counters);

  StageOptions options_;
  const Method& method_;
  std::unique_ptr<Device> device_;
  Layout layout_;
  Arena arena_;
  WeightVersions versions_;
  ModelTensors gradients_;
  std::unique_ptr<Optimizer> optimizer_;
  OptimizerCounters counters_;
  RoundBlocks round_blocks_;
  DriftProbe probe_;
  std::unordered_map<MicrobatchId, Kept> kept_;
};

Result<TokenBatch> LocalStage::decode_tokens(std::span<const std::int32_t> tokens) const {
  return make_token_batch(options_.model, tokens, options_.tokens, device_->torch_device());
}

Result<at::Tensor> LocalStage::decode_rows(const Encoded& encoded, const BatchShape& shape,
                                           const char* what) const {
  at::Tensor rows = at::empty({shape.rows(), shape.width}, at::kFloat);
  const std::span<float> out(rows.mutable_data_ptr<float>(),
                             static_cast<std::size_t>(rows.numel()));
  BRIGADE_TRY(decode(encoded.codec, encoded.bytes, out, what));
  if (encoded.scale != 1) rows.mul_(encoded.scale);
  return rows.to(device_->torch_device(), device_->compute_type());
}

Result<SliceInput> LocalStage::decode_input(const TokenBatch& batch,
                                            const Encoded& activation) const {
  SliceInput input{.hidden = {}, .indices = batch.indices, .targets = batch.targets};
  if (!options_.slice.is_head()) {
    BRIGADE_ASSIGN(input.hidden, decode_rows(activation, batch.shape, "activation"));
  }
  return input;
}

/// Noise of its own for each micro-batch at each stage; a repeat gets the same bytes.
Rounding LocalStage::gradient_rounding(const MicrobatchId& id) const {
  return Rounding::stochastic(mix_seed(options_.seed, options_.slice.stage, id.epoch.value(),
                                       id.head.value(), id.sequence.value()));
}

/// Recompute keeps no activations but, at the tail, those of the newest forward: its backward
/// follows at once on the same weights, and one set is what a recomputation holds anyway.
bool LocalStage::keeps_activations() const {
  return !options_.recompute ||
         (options_.slice.is_tail() && method_.weights == WeightsPolicy::kNewest);
}

Result<> LocalStage::keep(const MicrobatchId& id, Kept kept) {
  if (options_.recompute && kept.saved.has_value()) kept_.clear();
  if (kept_.size() >= limits::kMaxInFlight && !kept_.contains(id)) {
    return make_error(ErrorCode::kLimit,
                      fmt::format("stage {}: {} micro-batches are in flight; use a smaller window",
                                  options_.slice.stage, kept_.size()));
  }
  if (kept.saved.has_value()) kept.bytes = kept.saved->bytes();
  kept_.insert_or_assign(id, std::move(kept));
  return {};
}

/// `body` reads the weights where the optimiser looks ahead to; however it ends, they come back.
template <class Body>
Result<SliceOutput> LocalStage::forward_ahead(const Body& body) {
  BRIGADE_TRY(optimizer_->look_ahead(counters_));
  Result<SliceOutput> output =
      guarded(options_.slice, "forward", [&]() -> Result<SliceOutput> { return body(); });
  BRIGADE_TRY(optimizer_->look_back(counters_));
  return output;
}

/// Without a flush, what moves the weights between this forward and its backward is of interest.
void LocalStage::follow(const MicrobatchId& id) {
  if (method_.update == UpdatePolicy::kFlush || counters_.steps == 0) return;
  probe_.on_forward(id, [this](std::int64_t stride) {
    return optimizer_->momentum_direction(counters_, stride);
  });
}

Result<ForwardResult> LocalStage::forward(const MicrobatchId& id, const Encoded& activation,
                                          std::span<const std::int32_t> tokens, bool keeps,
                                          Codec answer) {
  return guarded(options_.slice, "forward", [&]() -> Result<ForwardResult> {
    BRIGADE_ASSIGN(const TokenBatch batch, decode_tokens(tokens));
    BRIGADE_ASSIGN(const SliceInput input, decode_input(batch, activation));
    Kept kept{batch.shape, std::nullopt, 0, counters_.steps, nullptr};
    if (keeps) kept.weights = versions_.take_for_forward();
    if (keeps && keeps_activations()) kept.saved.emplace();
    const ModelTensors& weights = kept.weights != nullptr ? *kept.weights : versions_.newest();
    SliceSaved* const saved = kept.saved.has_value() ? &*kept.saved : nullptr;
    SliceOutput output;
    if (keeps) {
      follow(id);
      BRIGADE_ASSIGN(output, forward_ahead([&] {
                       return slice_forward(weights, options_.slice, batch.shape, input, saved);
                     }));
    } else {  // an evaluation judges the weights where they are
      output = slice_forward(weights, options_.slice, batch.shape, input, nullptr);
    }
    if (kept.saved.has_value() || kept.weights != nullptr) BRIGADE_TRY(keep(id, std::move(kept)));

    ForwardResult result;
    if (options_.slice.is_tail()) {
      result.loss = {output.nats, static_cast<std::uint32_t>(batch.shape.rows())};
    } else {
      BRIGADE_ASSIGN(result.activation,
                     encode_rows(output.hidden, answer, Rounding::to_nearest(),
                                 fmt::format("the activation of micro-batch {}", to_string(id))));
    }
    return result;
  });
}

Result<LocalStage::Kept> LocalStage::take_kept(const MicrobatchId& id, const Encoded& input,
                                               std::span<const std::int32_t> tokens) {
  Kept kept;
  if (const auto it = kept_.find(id); it != kept_.end()) {
    kept = std::move(it->second);
    kept_.erase(it);
    const bool is_current = !options_.recompute || kept.step == counters_.steps;
    if (kept.saved.has_value() && is_current) return kept;
  }
  BRIGADE_ASSIGN(const TokenBatch batch, decode_tokens(tokens));
  BRIGADE_ASSIGN(const SliceInput decoded, decode_input(batch, input));
  kept.shape = batch.shape;
  const ModelTensors& weights = kept.weights != nullptr ? *kept.weights : versions_.newest();
  slice_forward(weights, options_.slice, batch.shape, decoded, &kept.saved.emplace());
  return kept;
}

Result<Bytes> LocalStage::backward(const MicrobatchId& id, const Encoded& input,
                                   std::span<const std::int32_t> tokens, const Encoded& gradient,
                                   Codec answer) {
  return guarded(options_.slice, "backward", [&]() -> Result<Bytes> {
    probe_.on_backward(id);
    BRIGADE_ASSIGN(Kept kept, take_kept(id, input, tokens));
    at::Tensor output_gradient;
    if (!options_.slice.is_tail()) {
      BRIGADE_ASSIGN(output_gradient, decode_rows(gradient, kept.shape, "gradient"));
    }
    const ModelTensors& weights = kept.weights != nullptr ? *kept.weights : versions_.newest();
    const at::Tensor input_gradient =
        slice_backward(weights, gradients_, options_.slice, kept.shape, std::move(*kept.saved),
                       std::move(output_gradient));
    if (options_.slice.is_head()) return Bytes{};
    return encode_rows(input_gradient, answer, gradient_rounding(id),
                       fmt::format("the gradient of micro-batch {}", to_string(id)));
  });
}

/// What one step is given: the scheduled rate and the method's corrections.
StepSettings LocalStage::prepare_step(const UpdateOrder& order, double gradient_scale,
                                      UpdateReport& report) const {
  const MethodSettings& settings = options_.method;
  const Delay delay = method_.update == UpdatePolicy::kFlush
                          ? Delay{}
                          : effective_delay(settings, options_.slice, order);
  report.learning_rate =
      scheduled_rate(settings, order.update) / method_.rate_divisor(settings, delay, order.update);
  report.beta1 = method_.beta1(settings, options_.slice.stages, delay);
  return {.learning_rate = report.learning_rate,
          .beta1 = report.beta1,
          .beta2 = settings.beta2,
          .epsilon = settings.epsilon,
          .weight_decay = settings.weight_decay,
          .momentum_decay = settings.momentum_decay,
          .gradient_scale = gradient_scale,
          .look_ahead = settings.look_ahead * delay.updates};
}

Result<UpdateReport> LocalStage::update(const UpdateOrder& order) {
  BRIGADE_CHECK(order.microbatches > 0);
  return guarded(options_.slice, "update", [&]() -> Result<UpdateReport> {
    // Guards against 0/0 where the norm is tiny; as torch's clip_grad_norm_.
    constexpr double kClipEpsilon = 1e-6;
    const double mean = 1.0 / order.microbatches;
    BRIGADE_ASSIGN(const double squares, device_->sum_of_squares(arena_.gradients));
    UpdateReport report;
    report.gradient_norm = std::sqrt(squares) * mean;
    if (!std::isfinite(report.gradient_norm)) {
      arena_.gradients.zero_();
      return make_error(ErrorCode::kUnavailable,
                        fmt::format("stage {}: the gradient of update {} is not finite; lower "
                                    "the learning rate or set clip",
                                    options_.slice.stage, order.update));
    }
    const double clip = options_.method.clip;
    const bool clips = clip > 0 && report.gradient_norm > clip;
    const double factor = clips ? clip / (report.gradient_norm + kClipEpsilon) : 1.0;
    const StepSettings step = prepare_step(order, mean * factor, report);
    versions_.before_update();
    BRIGADE_TRY(optimizer_->step(step, counters_));
    return report;
  });
}

void LocalStage::forget(const MicrobatchId& id) {
  kept_.erase(id);
  probe_.forget(id);
}

void LocalStage::forget_all() {
  kept_.clear();
  probe_.forget_all();
  versions_.forget_all();
  const c10::InferenceMode no_autograd;
  arena_.gradients.zero_();
}

Result<Bytes> LocalStage::share(std::uint64_t round, Codec codec) const {
  if (!holds_weights(codec)) {
    return make_error(ErrorCode::kBadInput, "weights are shared in fp32 or bf16 only");
  }
  return guarded(options_.slice, "share", [&]() -> Result<Bytes> {
    HostBuffer values(std::size_t{share_blocks()} * kShareWidth);
    download_blocks(arena_.weights, round_blocks_.of(round), values.span());
    return encode_values(values.span(), codec, Rounding::to_nearest(),
                         fmt::format("the share of round {}", round));
  });
}

Result<> LocalStage::blend(std::uint64_t round, const Encoded& mine, const Encoded& theirs,
                           double weight, double farthest) {
  if (!holds_weights(mine.codec) || !holds_weights(theirs.codec)) {
    return make_error(ErrorCode::kProtocol, "weights are shared in fp32 or bf16 only");
  }
  if (!(weight >= 0 && weight <= 1)) {
    return make_error(ErrorCode::kProtocol,
                      fmt::format("a share can't count {} of the whole; 0 to 1", weight));
  }
  return guarded(options_.slice, "blend", [&]() -> Result<> {
    const std::size_t size = std::size_t{share_blocks()} * kShareWidth;
    HostBuffer now(size), then(size), other(size);
    BRIGADE_TRY(decode(mine.codec, mine.bytes, then.span(), "own share"));
    BRIGADE_TRY(decode(theirs.codec, theirs.bytes, other.span(), "share of a replica"));
    const double apart = distance_between(then.span(), other.span());
    if (apart > farthest) {
      return make_error(
          ErrorCode::kProtocol,
          fmt::format("its weights are {:.3g} times their own norm away from those of "
                      "this replica, at most {} can be",
                      apart, farthest));
    }
    const std::vector<std::uint32_t> blocks = round_blocks_.of(round);
    download_blocks(arena_.weights, blocks, now.span());
    BRIGADE_TRY(add_difference(now.span(), then.span(), other.span(), weight));
    versions_.before_blend();
    upload_blocks(now.span(), blocks, arena_.weights);
    clear_gaps(layout_, arena_.weights);
    return device_->refresh_shadow(arena_.weights, arena_.shadow);
  });
}

std::uint64_t LocalStage::kept_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [id, kept] : kept_) bytes += kept.bytes;
  return bytes;
}

SnapshotPtr LocalStage::snapshot() const {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->model = options_.model;
  snapshot->slice = options_.slice;
  snapshot->method = options_.method.name;
  snapshot->optimizer = optimizer_of(method_, options_.method);
  snapshot->layout = layout_;
  snapshot->counters = counters_;
  snapshot->weights = HostBuffer(layout_.buffer_size());
  download(arena_.weights, snapshot->weights.span());
  for (std::size_t i = 0; i < kMoments; ++i) {
    snapshot->moments[i] = HostBuffer(layout_.buffer_size());
    download(arena_.moments[i], snapshot->moments[i].span());
  }
  return snapshot;
}

Result<> LocalStage::load(const HostBuffer& weights,
                          const std::array<HostBuffer, kMoments>& moments,
                          const OptimizerCounters& counters) {
  return guarded(options_.slice, "load", [&]() -> Result<> {
    upload(weights.span(), arena_.weights);
    for (std::size_t i = 0; i < kMoments; ++i) upload(moments[i].span(), arena_.moments[i]);
    counters_ = counters;
    forget_all();
    return device_->refresh_shadow(arena_.weights, arena_.shadow);
  });
}

Result<> LocalStage::reset() {
  HostBuffer weights(layout_.buffer_size());
  fill_initial_weights(options_.model, layout_, options_.seed, weights.span());
  std::array<HostBuffer, kMoments> moments{HostBuffer(layout_.buffer_size()),
                                           HostBuffer(layout_.buffer_size())};
  for (HostBuffer& moment : moments) std::ranges::fill(moment.span(), 0.0F);
  return load(weights, moments, {});
}

Result<> LocalStage::restore(std::span<const std::filesystem::path> files) {
  HostBuffer weights(layout_.buffer_size());
  std::array<HostBuffer, kMoments> moments{HostBuffer(layout_.buffer_size()),
                                           HostBuffer(layout_.buffer_size())};
  const RestoreTarget target{options_.model,
                             layout_,
                             weights.span(),
                             {moments[0].span(), moments[1].span()},
                             optimizer_of(method_, options_.method)};
  BRIGADE_ASSIGN(const OptimizerCounters counters, restore_state(files, target));
  return load(weights, moments, counters);
}

Result<> check_batch(const StageOptions& options) {
  const bool is_batch = options.batch >= 1 && options.batch <= limits::kMaxBatch;
  const bool is_length = options.tokens >= 1 && options.tokens <= options.model.context;
  if (is_batch && is_length) return {};
  return make_error(
      ErrorCode::kBadInput,
      fmt::format("batch of {} sequences of {} tokens is not possible; use 1 to {} "
                  "sequences and at most the model's context of {} tokens",
                  options.batch, options.tokens, limits::kMaxBatch, options.model.context));
}

}  // namespace

Result<std::unique_ptr<Stage>> Stage::make(const StageOptions& options) {
  BRIGADE_TRY(check_shape(options.model));
  BRIGADE_TRY(check_slice(options.model, options.slice));
  BRIGADE_TRY(check_settings(options.method));
  BRIGADE_TRY(check_batch(options));
  BRIGADE_ASSIGN(const Method* method, find_method(options.method.name));
  return guarded(options.slice, "set-up", [&]() -> Result<std::unique_ptr<Stage>> {
    BRIGADE_ASSIGN(auto device, Device::open(options.device, options.threads));
    auto stage = std::make_unique<LocalStage>(options, *method, std::move(device));
    BRIGADE_TRY(stage->reset());
    return std::unique_ptr<Stage>(std::move(stage));
  });
}

}  // namespace brigade::stage

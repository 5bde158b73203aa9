#include "sim/stage_model.hpp"

#include "base/random.hpp"

namespace brigade::sim {
namespace {

enum Salt : std::uint64_t { kWeights = 1, kTokens, kOutput, kResult, kGradient, kUpdate, kLoss };

Digest digest_of(const MicrobatchId& id) {
  const std::uint64_t high = (std::uint64_t{id.epoch.value()} << 34) ^ (id.head.value() << 2) ^
                             (id.head.value() >> 62) ^ static_cast<std::uint64_t>(id.kind);
  return mix64(mix64(high) ^ id.sequence.value());
}

}  // namespace

Digest initial_weights(std::uint64_t seed, std::uint32_t stage) {
  return mix_seed(seed, kWeights, stage);
}

Digest tokens_of(const MicrobatchId& id) {
  return mix_seed(digest_of(id), kTokens);
}

Digest forward_output(Digest weights, Digest input, const MicrobatchId& id) {
  return mix64(mix64(mix64(weights + kOutput) ^ input) ^ digest_of(id));
}

Digest backward_result(Digest weights, Digest input, Digest gradient, const MicrobatchId& id) {
  return mix64(mix64(forward_output(weights, input, id) + kResult) ^ gradient);
}

Digest gradient_of_weights(Digest weights, Digest input, Digest gradient, const MicrobatchId& id) {
  return mix64(mix64(forward_output(weights, input, id) + kGradient) ^ gradient);
}

Digest updated_weights(Digest weights, Digest accumulator) {
  return mix64(mix64(weights + kUpdate) ^ accumulator);
}

swarm::LossSum loss_of(const MicrobatchId& id, std::uint32_t tokens) {
  // Whole numbers of nats: sums of any order are exact.
  const std::uint64_t nats = mix_seed(digest_of(id), kLoss) % 5 + 1;
  return {static_cast<double>(nats * tokens), tokens};
}

Digest StageModel::forward(const MicrobatchId& id, Digest input, bool keeps) {
  if (keeps) kept_[id] = input;
  return forward_output(weights_, input, id);
}

std::optional<Digest> StageModel::backward(const MicrobatchId& id, Digest gradient) {
  const auto found = kept_.find(id);
  if (found == kept_.end()) return std::nullopt;
  const Digest input = found->second;
  kept_.erase(found);
  accumulator_ += gradient_of_weights(weights_, input, gradient, id);
  return backward_result(weights_, input, gradient, id);
}

void StageModel::update() {
  weights_ = updated_weights(weights_, accumulator_);
  accumulator_ = 0;
}

void StageModel::restore(Digest weights) {
  weights_ = weights;
  accumulator_ = 0;
  kept_.clear();
}

}  // namespace brigade::sim

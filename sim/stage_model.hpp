// What stands for the mathematics of a stage: numbers that depend on everything that the real ones
// depend on. Weights are a hash; a forward mixes weights and input, a backward mixes weights, input
// and gradient into the accumulator, an update mixes the accumulator into the weights. So a
// gradient applied twice, skipped, or computed on other weights changes all that follows.
//
//   forward   output = F(weights, input, id)              input of the head = its tokens = T(id)
//   backward  result = B(weights, input, gradient, id),   accumulator += G(the same)
//   update    weights = U(weights, accumulator),          accumulator = 0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "swarm/message.hpp"

namespace brigade::sim {

using Digest = std::uint64_t;

Digest initial_weights(std::uint64_t seed, std::uint32_t stage);
Digest tokens_of(const MicrobatchId& id);
Digest forward_output(Digest weights, Digest input, const MicrobatchId& id);
Digest backward_result(Digest weights, Digest input, Digest gradient, const MicrobatchId& id);
Digest gradient_of_weights(Digest weights, Digest input, Digest gradient, const MicrobatchId& id);
Digest updated_weights(Digest weights, Digest accumulator);
/// The loss of a micro-batch depends on its id alone, so that a checker can tell it at any stage.
swarm::LossSum loss_of(const MicrobatchId& id, std::uint32_t tokens);

/// What a checkpoint file holds.
struct StoredStage {
  swarm::CheckpointId checkpoint;
  Digest weights = 0;
  Version version;
  Sequence next_sequence;
  std::vector<Sequence> applied_ahead;
};

class StageModel {
 public:
  explicit StageModel(Digest weights) : weights_(weights) {}

  /// `input` of the head: tokens_of(id).
  Digest forward(const MicrobatchId& id, Digest input, bool keeps);
  /// Nothing if forward kept nothing for `id`: a fault of the core, reported by the caller.
  std::optional<Digest> backward(const MicrobatchId& id, Digest gradient);
  void update();
  void forget(const MicrobatchId& id) { kept_.erase(id); }
  void restore(Digest weights);

  Digest weights() const { return weights_; }
  std::size_t kept() const { return kept_.size(); }

 private:
  Digest weights_;
  Digest accumulator_ = 0;
  std::map<MicrobatchId, Digest> kept_;  // inputs; a backward takes what it used out
};

}  // namespace brigade::sim

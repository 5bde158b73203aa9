#include "sim/reference.hpp"

#include <algorithm>

namespace brigade::sim {
namespace {

/// One stage: inputs that wait for their backward, and the accumulator of the next update.
struct ReferenceStage {
  Digest weights = 0;
  Digest accumulator = 0;
  std::vector<Digest> inputs;  // by sequence
};

class Reference {
 public:
  Reference(const Scenario& scenario, std::uint64_t seed, Epoch epoch)
      : epoch_(epoch), steps_(scenario.options.steps), stages_(scenario.stages) {
    for (std::uint32_t stage = 0; stage < scenario.stages; ++stage) {
      stages_[stage].weights = initial_weights(seed, stage);
      stages_[stage].inputs.resize(steps_);
    }
    outputs_.resize(steps_);
    gradients_.resize(steps_);
  }

  void forward(std::size_t stage, std::uint64_t m) {
    ReferenceStage& self = stages_[stage];
    const Digest input = stage == 0 ? tokens_of(id(m)) : outputs_[m];
    self.inputs[m] = input;
    outputs_[m] = forward_output(self.weights, input, id(m));
  }

  void backward(std::size_t stage, std::uint64_t m) {
    ReferenceStage& self = stages_[stage];
    const Digest gradient = stage + 1 == stages_.size() ? 0 : gradients_[m];
    self.accumulator += gradient_of_weights(self.weights, self.inputs[m], gradient, id(m));
    gradients_[m] = backward_result(self.weights, self.inputs[m], gradient, id(m));
  }

  void update(std::size_t stage) {
    ReferenceStage& self = stages_[stage];
    self.weights = updated_weights(self.weights, self.accumulator);
    self.accumulator = 0;
  }

  std::vector<Digest> weights() const {
    std::vector<Digest> all;
    for (const ReferenceStage& stage : stages_) all.push_back(stage.weights);
    return all;
  }

 private:
  MicrobatchId id(std::uint64_t m) const {
    return {.epoch = epoch_, .head = {}, .sequence = Sequence{m}};
  }

  Epoch epoch_;
  std::uint64_t steps_;
  std::vector<ReferenceStage> stages_;
  std::vector<Digest> outputs_;    // of the newest stage that forwarded m
  std::vector<Digest> gradients_;  // of the newest stage that ran m backward
};

void run_gpipe(Reference& reference, std::uint32_t stages, std::uint64_t steps,
               std::uint64_t size) {
  for (std::uint64_t first = 0; first < steps; first += size) {
    const std::uint64_t end = std::min(steps, first + size);
    for (std::uint32_t stage = 0; stage < stages; ++stage) {
      for (std::uint64_t m = first; m < end; ++m) reference.forward(stage, m);
    }
    for (std::uint32_t stage = stages; stage-- > 0;) {
      for (std::uint64_t m = first; m < end; ++m) reference.backward(stage, m);
      reference.update(stage);
    }
  }
}

/// A diagonal sweep: in round r stage i forwards r − i, then the tail's gradient of m goes back
/// through all stages. Stage i has then run forward(m + δ) before backward(m), δ = P − 1 − i.
void run_lock_step(Reference& reference, std::uint32_t stages, std::uint64_t steps,
                   std::uint64_t accumulate) {
  for (std::uint64_t m = 0; m < steps; ++m) {
    for (std::uint32_t stage = 0; stage < stages; ++stage) {
      const std::uint64_t delay = stages - 1 - stage;
      if (m == 0) {
        for (std::uint64_t early = 0; early < std::min(delay, steps); ++early) {
          reference.forward(stage, early);
        }
      }
      if (m + delay < steps) reference.forward(stage, m + delay);
    }
    for (std::uint32_t stage = stages; stage-- > 0;) {
      reference.backward(stage, m);
      if ((m + 1) % accumulate == 0 || m + 1 == steps) reference.update(stage);
    }
  }
}

}  // namespace

std::vector<Digest> reference_weights(const Scenario& scenario, std::uint64_t seed, Epoch epoch) {
  Reference reference(scenario, seed, epoch);
  const swarm::Options& options = scenario.options;
  if (swarm::is_synchronous(options.schedule)) {
    run_gpipe(reference, scenario.stages, options.steps, options.accumulate);
  } else {
    run_lock_step(reference, scenario.stages, options.steps, options.accumulate);
  }
  return reference.weights();
}

}  // namespace brigade::sim

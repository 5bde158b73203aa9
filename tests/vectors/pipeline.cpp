#include "tests/vectors/pipeline.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"

namespace brigade::vectors {

/// What travels between the stages of a line.
struct Line::Run {
  std::function<std::span<const std::int32_t>(std::uint32_t)> data;
  std::vector<std::vector<Step>> scripts;
  std::vector<std::size_t> next;                                   // of each stage's script
  std::vector<std::map<std::uint32_t, stage::Bytes>> activations;  // at each stage, by micro-batch
  std::vector<std::map<std::uint32_t, stage::Bytes>> gradients;
  std::vector<double> losses;
};

namespace {

MicrobatchId id_of(std::uint32_t microbatch) {
  return {.epoch = Epoch(1), .head = HeadIndex(0), .sequence = Sequence(microbatch)};
}

}  // namespace

Result<Line> Line::make(const LineOptions& options) {
  Line line;
  line.options_ = options;
  stage::StageOptions stage_options{.model = options.model,
                                    .slice = {},
                                    .method = options.method,
                                    .seed = options.seed,
                                    .batch = options.batch,
                                    .tokens = options.tokens,
                                    .recompute = options.recompute,
                                    .device = "cpu",
                                    .threads = 1};
  std::uint32_t first_block = 0;
  const auto stages = static_cast<std::uint32_t>(options.blocks.size());
  for (std::uint32_t i = 0; i < stages; ++i) {
    stage_options.slice = {i, stages, first_block, options.blocks[i]};
    first_block += options.blocks[i];
    BRIGADE_ASSIGN(auto stage, stage::Stage::make(stage_options));
    line.stages_.push_back(std::move(stage));
    line.updates_.push_back(0);
    line.delays_.emplace_back().mean = static_cast<double>(stages - 1 - i);
  }
  return line;
}

Result<> Line::restore(std::span<const std::filesystem::path> files) {
  for (const auto& stage : stages_) BRIGADE_TRY(stage->restore(files));
  return {};
}

std::vector<Line::Step> Line::script(std::size_t stage, std::uint32_t count) const {
  const std::uint32_t accumulate = options_.method.accumulate;
  std::vector<Step> steps;
  const auto backward = [&](std::uint32_t m) {
    steps.push_back({Kind::kBackward, m});
    if ((m + 1) % accumulate == 0) steps.push_back({Kind::kUpdate, m});
  };
  if (options_.is_synchronous) {
    for (std::uint32_t group = 0; group < count; group += accumulate) {
      const std::uint32_t end = std::min(group + accumulate, count);
      for (std::uint32_t m = group; m < end; ++m) steps.push_back({Kind::kForward, m});
      for (std::uint32_t m = group; m < end; ++m) backward(m);
    }
    return steps;
  }
  const auto nominal = static_cast<double>(size() - 1 - stage);
  std::uint32_t next = 0;
  for (std::uint32_t m = 0; m < count; ++m) {
    const double lateness = options_.lateness ? options_.lateness(m) : 1.0;
    const auto ahead = static_cast<std::uint32_t>(std::lround(nominal * lateness));
    while (next < count && next <= m + ahead) steps.push_back({Kind::kForward, next++});
    backward(m);
  }
  return steps;
}

Result<> Line::forward(std::size_t index, std::uint32_t microbatch, Run& run) {
  // The activation stays until the backward: that is what a node keeps.
  const bool is_head = index == 0;
  const stage::Bytes& input = run.activations[index][microbatch];
  BRIGADE_ASSIGN(stage::ForwardResult result,
                 stages_[index]->forward(id_of(microbatch),
                                         is_head ? std::span<const std::byte>() : input.view(),
                                         run.data(microbatch), /*keeps=*/true));
  delays_[index].applied_then[microbatch] = delays_[index].applied;
  weight_versions_ = std::max(weight_versions_, stages_[index]->weight_versions());
  if (index + 1 < size()) {
    run.activations[index + 1][microbatch] = std::move(result.activation);
  } else {
    run.losses[microbatch] = result.loss.nats / result.loss.tokens;
  }
  return {};
}

Result<> Line::backward(std::size_t index, std::uint32_t microbatch, Run& run) {
  const auto input = std::move(run.activations[index].extract(microbatch).mapped());
  stage::Bytes gradient;
  if (index + 1 < size()) {
    gradient = std::move(run.gradients[index].extract(microbatch).mapped());
  }
  BRIGADE_ASSIGN(stage::Bytes upstream,
                 stages_[index]->backward(id_of(microbatch), input.view(), run.data(microbatch),
                                          gradient.view()));
  constexpr double kPast = 0.99;
  Delay& delay = delays_[index];
  const auto seen =
      static_cast<double>(delay.applied++ - delay.applied_then.extract(microbatch).mapped());
  delay.mean = kPast * delay.mean + (1 - kPast) * seen;
  if (index > 0) run.gradients[index - 1][microbatch] = std::move(upstream);
  return {};
}

Result<> Line::update(std::size_t index) {
  const double delay = delays_[index].mean;
  const std::uint32_t accumulate = options_.method.accumulate;
  const stage::UpdateOrder order{.update = updates_[index]++,
                                 .microbatches = accumulate,
                                 .delay_microbatches = delay,
                                 .staleness_updates = delay / accumulate};
  BRIGADE_TRY(stages_[index]->update(order));
  return {};
}

/// Runs the stage's next step if what it needs has arrived; false if not.
Result<bool> Line::advance(std::size_t index, Run& run) {
  if (run.next[index] == run.scripts[index].size()) return false;
  const Step step = run.scripts[index][run.next[index]];
  const bool has_input = index == 0 || run.activations[index].contains(step.microbatch);
  const bool has_gradient = index + 1 == size() || run.gradients[index].contains(step.microbatch);
  switch (step.kind) {
    case Kind::kForward:
      if (!has_input) return false;
      BRIGADE_TRY(forward(index, step.microbatch, run));
      break;
    case Kind::kBackward:
      if (!has_gradient) return false;
      BRIGADE_TRY(backward(index, step.microbatch, run));
      break;
    case Kind::kUpdate:
      BRIGADE_TRY(update(index));
      break;
  }
  ++run.next[index];
  return true;
}

Result<std::vector<double>> Line::train(
    std::uint32_t count, const std::function<std::span<const std::int32_t>(std::uint32_t)>& data) {
  Run run;
  run.data = data;
  run.next.resize(size());
  run.activations.resize(size());
  run.gradients.resize(size());
  run.losses.resize(count);
  for (std::size_t i = 0; i < size(); ++i) run.scripts.push_back(script(i, count));
  for (bool moves = true; moves;) {
    moves = false;
    for (std::size_t i = 0; i < size(); ++i) {
      for (;;) {
        BRIGADE_ASSIGN(const bool did, advance(i, run));
        if (!did) break;
        moves = true;
      }
    }
  }
  for (std::size_t i = 0; i < size(); ++i) {
    BRIGADE_CHECK(run.next[i] == run.scripts[i].size(), "the schedule is stuck");
  }
  return std::move(run.losses);
}

Result<double> Line::evaluate(std::span<const std::int32_t> tokens) {
  stage::Bytes activation;
  for (const auto& stage : stages_) {
    BRIGADE_ASSIGN(stage::ForwardResult result,
                   stage->forward({.epoch = Epoch(1),
                                   .head = HeadIndex(0),
                                   .sequence = Sequence(0),
                                   .kind = MicrobatchId::Kind::kEval},
                                  activation.view(), tokens, /*keeps=*/false));
    activation = std::move(result.activation);
    if (result.loss.tokens > 0) return result.loss.nats / result.loss.tokens;
  }
  BRIGADE_CHECK(false, "a line without a tail");
}

}  // namespace brigade::vectors

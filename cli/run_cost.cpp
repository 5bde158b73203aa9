#include "cli/run_cost.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/figures.hpp"

namespace brigade::cli {

namespace {

constexpr double kForwardAndBackward = 3;  // the backward costs two forwards
// Memory-bound work, as the FLOP that would take as long: measured against matrix products on CPUs.
constexpr double kUpdateFlop = 40;       // a parameter and update: clip, moments, step
constexpr double kElementwiseFlop = 60;  // an element of (T, D) in a block: norms, GELU, residuals
constexpr double kSoftmaxFlop = 30;      // a logit: maximum, exponential, sum, gradient

constexpr std::uint64_t kProcessBytes = 170'000'000;  // libtorch, gRPC and their threads at rest
constexpr std::uint64_t kStateCopies = 4;             // weights, gradients, two moments
constexpr std::uint64_t kCheckpointCopies = 3;        // weights, two moments
// fp32 elements that a block keeps for the backward, a multiple of (B, T, D): its input, two
// normalised inputs, qkv, attention out, MLP before and after GELU.
constexpr std::uint64_t kKeptElements = 16;
// What one core (hyperthread) of a current machine trains with matrices of a few hundred rows.
constexpr double kFlopPerCore = 40e9;

std::uint64_t block_parameters(const config::ModelConfig& model) {
  const std::uint64_t d = model.width;
  return 12 * d * d + 13 * d;  // qkv, out, MLP with biases; two norms
}

std::uint64_t embedding_parameters(const config::ModelConfig& model) {
  return (std::uint64_t{model.vocabulary} + model.context) * model.width;
}

std::uint64_t head_parameters(const config::SwarmConfig& swarm) {
  const config::ModelConfig& model = swarm.model;
  const bool shares_embedding = model.tied_head && swarm.stages == 1;
  const std::uint64_t matrix = shares_embedding ? 0 : std::uint64_t{model.vocabulary} * model.width;
  return matrix + 2 * std::uint64_t{model.width};
}

double update_cost(const config::SwarmConfig& swarm, std::uint64_t parameters) {
  const double tokens = static_cast<double>(swarm.run.batch) * swarm.run.context *
                        static_cast<double>(config::accumulate_of(swarm));
  return kUpdateFlop * static_cast<double>(parameters) / tokens;
}

}  // namespace

std::uint64_t count_parameters(const config::SwarmConfig& swarm) {
  return embedding_parameters(swarm.model) + swarm.model.blocks * block_parameters(swarm.model) +
         head_parameters(swarm);
}

swarm::ModelCost model_cost(const config::SwarmConfig& swarm) {
  const config::ModelConfig& model = swarm.model;
  const double d = model.width;
  const double t = swarm.run.context;
  const double v = model.vocabulary;
  const double matrices = 2 * static_cast<double>(block_parameters(model));
  const double attention = 2 * t * d;  // causal: half of 2·(q·k) + 2·(weights·v)
  swarm::ModelCost cost;
  const double block = kForwardAndBackward * (matrices + attention) + kElementwiseFlop * d +
                       update_cost(swarm, block_parameters(model));
  cost.blocks.assign(model.blocks, block);
  cost.embedding = kElementwiseFlop * d / 4 + update_cost(swarm, embedding_parameters(model));
  cost.head = kForwardAndBackward * 2 * d * v + kSoftmaxFlop * v +
              update_cost(swarm, head_parameters(swarm));
  return cost;
}

Result<std::vector<swarm::StageRange>> plan_split(const config::SwarmConfig& swarm) {
  if (!swarm.split.empty()) return swarm::split_stages(swarm.split, swarm.model.blocks);
  return swarm::plan_stages(model_cost(swarm), swarm.stages);
}

StageNeeds needs_of_stage(const config::SwarmConfig& swarm,
                          const std::vector<swarm::StageRange>& split, std::uint32_t stage) {
  const std::uint64_t activation =
      std::uint64_t{4} * swarm.run.batch * swarm.run.context * swarm.model.width;
  std::uint64_t parameters = split[stage].blocks * block_parameters(swarm.model);
  if (stage == 0) parameters += embedding_parameters(swarm.model);
  std::uint64_t kept =
      activation * (swarm.method.recompute == "on" ? 1 : kKeptElements * split[stage].blocks + 1);
  if (stage + 1 == split.size()) {
    parameters += head_parameters(swarm);
    kept += 2 * std::uint64_t{4} * swarm.run.batch * swarm.run.context * swarm.model.vocabulary;
  }
  return {.memory_bytes =
              kProcessBytes + kStateCopies * 4 * parameters +
              // A window that is found is about the number of stages on links as near as these.
              kept * config::in_flight_at_most(swarm, stage, swarm.stages),
          .checkpoint_bytes = kCheckpointCopies * 4 * parameters};
}

RunNeeds estimate_needs(const config::SwarmConfig& swarm,
                        const std::vector<swarm::StageRange>& split, const std::string& device,
                        std::uint32_t cores) {
  RunNeeds needs;
  needs.parameters = count_parameters(swarm);
  for (std::uint32_t stage = 0; stage < split.size(); ++stage) {
    const std::uint64_t memory = needs_of_stage(swarm, split, stage).memory_bytes;
    needs.stage_memory_bytes = std::max(needs.stage_memory_bytes, memory);
    needs.memory_bytes += memory;
  }
  needs.disk_bytes =
      kCheckpointCopies * 4 * needs.parameters * (std::uint64_t{swarm.run.keep_checkpoints} + 1);

  const bool is_cpu = device == "cpu";
  if (swarm.run.steps == 0 || !is_cpu) return needs;
  const swarm::ModelCost cost = model_cost(swarm);
  double flop = cost.embedding + cost.head;
  for (const double block : cost.blocks) flop += block;
  const double tokens = static_cast<double>(swarm.run.steps) * swarm.run.batch * swarm.run.context;
  needs.seconds = tokens * flop / (kFlopPerCore * std::max(1u, std::min(cores, swarm.stages)));
  return needs;
}

std::string describe_needs(const RunNeeds& needs, const std::vector<swarm::StageRange>& split) {
  constexpr std::size_t kShownStages = 16;
  std::string blocks;
  for (std::size_t stage = 0; stage < std::min(split.size(), kShownStages); ++stage) {
    blocks += fmt::format("{}{}", stage == 0 ? "" : ", ", split[stage].blocks);
  }
  if (split.size() > kShownStages) blocks += ", …";
  std::string text = fmt::format(
      "{} parameters in {} stage{} ({} block{}), {} of memory a stage, {} of disk",
      in_millions(needs.parameters), split.size(), split.size() == 1 ? "" : "s", blocks,
      blocks == "1" ? "" : "s", in_bytes(needs.stage_memory_bytes), in_bytes(needs.disk_bytes));
  if (needs.seconds > 0) text += fmt::format(", about {}", in_words(std::max(needs.seconds, 1.0)));
  return text;
}

}  // namespace brigade::cli

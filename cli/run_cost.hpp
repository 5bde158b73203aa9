// What a run will need, before anything is started: compute, memory, disk, time. Formulas only, no
// libtorch. They steer the split and the line that is printed; what a run really takes is
// measured while it goes on.
//
// Units: FLOP a token, forward and backward together; bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/swarm_config.hpp"
#include "swarm/stage_plan.hpp"

namespace brigade::cli {

/// Weights of the whole model; a tied head counts once where P = 1, twice where it is untied.
std::uint64_t count_parameters(const config::SwarmConfig& swarm);

/// Input of swarm::plan_stages: matrix products, and the memory-bound rest (optimiser, embedding
/// rows, softmax) as the FLOP that would take as long.
swarm::ModelCost model_cost(const config::SwarmConfig& swarm);

/// The split that `swarm.split` asks for, or the balanced one.
Result<std::vector<swarm::StageRange>> plan_split(const config::SwarmConfig& swarm);

struct StageNeeds {
  std::uint64_t memory_bytes = 0;
  std::uint64_t checkpoint_bytes = 0;  // of one
};
StageNeeds needs_of_stage(const config::SwarmConfig& swarm,
                          const std::vector<swarm::StageRange>& split, std::uint32_t stage);

struct RunNeeds {
  std::uint64_t parameters = 0;
  std::uint64_t stage_memory_bytes = 0;  // of the stage that needs most
  std::uint64_t memory_bytes = 0;        // of all stages
  std::uint64_t disk_bytes = 0;          // checkpoints that are kept, and one being written
  double seconds = 0;                    // a guess; 0: no end, or a device that is not known
};
/// `device` as --device has it; `cores` of this machine.
RunNeeds estimate_needs(const config::SwarmConfig& swarm,
                        const std::vector<swarm::StageRange>& split, const std::string& device,
                        std::uint32_t cores);

/// "0.86 million parameters in 4 stages (1, 1, 1, 1 blocks), 190 MB of memory a stage, …"
std::string describe_needs(const RunNeeds& needs, const std::vector<swarm::StageRange>& split);

}  // namespace brigade::cli

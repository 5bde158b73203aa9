// swarm.toml and node.toml in the words of the core, the stage and the data: the only place where
// one is translated into the other.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/node_config.hpp"
#include "config/swarm_config.hpp"
#include "daemon/frame.hpp"
#include "daemon/members/data_shelf.hpp"
#include "daemon/stage_worker.hpp"
#include "daemon/token_source.hpp"
#include "daemon/transport.hpp"
#include "stage_runtime/stage.hpp"
#include "swarm/options.hpp"
#include "swarm/stage_plan.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::daemon {

stage::ModelShape to_model_shape(const config::ModelConfig& model);

/// This node's part of the model. `cost` is stage_runtime's, and balances where no split is set.
/// kBadInput: the stage is not below `stages`, or there are fewer blocks than stages.
Result<stage::Slice> to_slice(const config::SwarmConfig& swarm, std::uint32_t stage,
                              const stage::SliceCost& cost);

stage::MethodSettings to_method_settings(const config::SwarmConfig& swarm);
stage::StageOptions to_stage_options(const config::SwarmConfig& swarm,
                                     const config::NodeConfig& node, const stage::Slice& slice);

/// No stage of the model has a longer one: weights and moments of all of it, with room to spare.
std::uint64_t most_checkpoint_bytes(const config::ModelConfig& model);
/// In a swarm whose nodes come and go this node is one of the replicas of its stage.
void make_replica(swarm::Options& options, const config::SwarmConfig& swarm,
                  std::uint64_t instance);
/// `eval_batches`: of the whole validation split, known at the head.
swarm::Options to_core_options(const config::SwarmConfig& swarm, const NodeId& self,
                               std::uint32_t stage, std::uint64_t eval_batches);

StageShape to_stage_shape(const config::SwarmConfig& swarm, const stage::Slice& slice);
TokenSourceOptions to_token_source_options(const config::SwarmConfig& swarm);
/// The data that a description knows by checksum, at their paths here. kCorrupt: it makes no sense.
Result<std::vector<DataFile>> to_data_files(const trust::SwarmDescription& description,
                                            const config::DataConfig& paths);
/// What lies there is what the description names; kBadInput: it has another manifest.
Result<> check_is_that(const DataFile& file);
/// Of the whole validation split, when the files will be here.
Result<std::uint64_t> eval_batches_in(const std::vector<DataFile>& files,
                                      const TokenSourceOptions& options);

/// kBadInput: an id is not 64 hexadecimal digits, is our own, or names a stage that is none of our
/// neighbours.
Result<std::vector<PeerAddress>> to_peers(const config::SwarmConfig& swarm,
                                          const config::NodeConfig& node, const NodeId& self);

Codec to_codec(const config::SwarmConfig& swarm);

/// SHA-256 of what all nodes must agree on: two that differ refuse each other.
SwarmId to_swarm_id(const config::SwarmConfig& swarm);

/// Micro-batches in flight at most at `stage`, for memory estimates.
std::uint32_t in_flight_at_most(const config::SwarmConfig& swarm, std::uint32_t stage);

}  // namespace brigade::daemon

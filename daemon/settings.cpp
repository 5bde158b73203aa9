#include "daemon/settings.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>
#include "base/check.hpp"
#include "config/methods.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::daemon {

namespace {

// Of a run's micro-batches, where swarm.toml says nothing (docs/method.md).
constexpr double kWarmupShare = 0.06;
constexpr double kCorrectionShare = 0.14;
// Of a run without end: the paper's numbers, since there is no length to take a share of.
constexpr std::uint64_t kEndlessWarmup = 3000;
constexpr std::uint64_t kEndlessCorrection = 7000;
// Without an end, checkpoints still come.
constexpr std::uint64_t kEndlessCheckpointEvery = 1000;

std::uint64_t share_of(std::uint64_t steps, double share) {
  return static_cast<std::uint64_t>(static_cast<double>(steps) * share);
}

std::uint64_t to_updates(std::uint64_t microbatches, std::uint32_t accumulate) {
  return (microbatches + accumulate - 1) / accumulate;
}

bool is_synchronous(const config::SwarmConfig& swarm) {
  const auto* method = config::find_method(swarm.method.name);
  return method != nullptr && method->is_synchronous;
}

swarm::Schedule schedule_of(const config::SwarmConfig& swarm) {
  if (!is_synchronous(swarm)) return swarm::Schedule::kAsync;
  return swarm.method.name == "1f1b" ? swarm::Schedule::k1f1b : swarm::Schedule::kGpipe;
}

std::uint64_t checkpoint_every(const config::RunConfig& run) {
  if (run.checkpoint_every > 0) return run.checkpoint_every;
  if (run.steps == 0) return kEndlessCheckpointEvery;
  constexpr std::uint64_t kCheckpointsARun = 10;
  return std::max<std::uint64_t>(run.steps / kCheckpointsARun, 1);
}

void set_tau(stage::MethodSettings& settings, const std::string& tau) {
  if (tau == "measured") {
    settings.tau_source = stage::TauSource::kMeasured;
  } else if (tau == "nominal") {
    settings.tau_source = stage::TauSource::kNominal;
  } else {
    settings.tau_source = stage::TauSource::kFixed;
    settings.tau_fixed = std::strtod(tau.c_str(), nullptr);  // config checked that it is a number
  }
}

}  // namespace

stage::ModelShape to_model_shape(const config::ModelConfig& model) {
  return {.vocabulary = model.vocabulary,
          .context = model.context,
          .width = model.width,
          .blocks = model.blocks,
          .heads = model.heads,
          .tied_head = model.tied_head,
          .layer_norm_epsilon = model.layer_norm_epsilon,
          .init_std = model.init_std};
}

Result<stage::Slice> to_slice(const config::SwarmConfig& swarm, std::uint32_t stage,
                              const stage::SliceCost& cost) {
  if (stage >= swarm.stages)
    return make_error(ErrorCode::kBadInput,
                      fmt::format("stage {} does not exist in a swarm of {} stages: set 'stage' in "
                                  "node.toml to 0 … {}",
                                  stage, swarm.stages, swarm.stages - 1));
  const swarm::ModelCost whole{cost.embedding, cost.head,
                               std::vector<double>(swarm.model.blocks, cost.block)};
  auto ranges = swarm.split.empty() ? swarm::plan_stages(whole, swarm.stages)
                                    : swarm::split_stages(swarm.split, swarm.model.blocks);
  if (ranges.has_error()) return ranges.error();
  const swarm::StageRange range = (*ranges)[stage];
  return stage::Slice{stage, swarm.stages, range.first_block, range.blocks};
}

stage::MethodSettings to_method_settings(const config::SwarmConfig& swarm) {
  const auto& method = swarm.method;
  const std::uint32_t accumulate = config::accumulate_of(swarm);
  const std::uint64_t steps = swarm.run.steps;
  const bool is_endless = steps == 0;
  const std::uint64_t warmup = method.warmup > 0 ? method.warmup
                               : is_endless      ? kEndlessWarmup
                                                 : share_of(steps, kWarmupShare);
  const std::uint64_t correction = method.correction > 0 ? method.correction
                                   : is_endless          ? kEndlessCorrection
                                                         : share_of(steps, kCorrectionShare);
  stage::MethodSettings settings{
      .name = method.name,
      .accumulate = accumulate,
      .learning_rate = config::learning_rate_of(swarm),
      .final_ratio = method.final_ratio,
      // Without an end the cosine never gets anywhere: the rate stays at its peak.
      .total_updates =
          is_endless ? std::numeric_limits<std::uint64_t>::max() : to_updates(steps, accumulate),
      .warmup_updates = to_updates(warmup, accumulate),
      .correction_updates = to_updates(correction, accumulate),
      .weight_decay = method.weight_decay,
      .clip = method.clip,
      .beta1 = method.beta1,
      .beta2 = method.beta2,
      .epsilon = method.epsilon,
      .momentum_decay = method.momentum_decay,
      .look_ahead = method.look_ahead,
      .muon_refresh = config::muon_refresh_of(swarm),
      .optimizer = method.optimizer,
      .average_share = method.average_share};
  set_tau(settings, method.tau);
  return settings;
}

stage::StageOptions to_stage_options(const config::SwarmConfig& swarm,
                                     const config::NodeConfig& node, const stage::Slice& slice) {
  return {.model = to_model_shape(swarm.model),
          .slice = slice,
          .method = to_method_settings(swarm),
          .seed = swarm.run.seed,
          .batch = swarm.run.batch,
          .tokens = swarm.run.context,
          .recompute = swarm.method.recompute == "on",
          .device = node.device,
          .threads = node.threads};
}

swarm::Options to_core_options(const config::SwarmConfig& swarm, const NodeId& self,
                               std::uint32_t stage, std::uint64_t eval_batches) {
  const auto bounded = [eval_batches](std::uint64_t wanted) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::min({wanted, eval_batches, kMost}));
  };
  return {.self = self,
          .stage = StageIndex(stage),
          .stages = swarm.stages,
          .head = HeadIndex(0),
          .seed = swarm.run.seed,
          .schedule = schedule_of(swarm),
          .lock_step = swarm.run.lock_step,
          .window = swarm.run.window,
          .accumulate = config::accumulate_of(swarm),
          .accumulate_follows = config::accumulate_follows(swarm),
          .steps = swarm.run.steps,
          .checkpoint_every = checkpoint_every(swarm.run),
          .keep_checkpoints = swarm.run.keep_checkpoints,
          .eval_every = eval_batches > 0 ? swarm.run.eval_every : 0,
          .eval_batches = bounded(swarm.run.eval_batches),
          .final_eval_batches = bounded(eval_batches),
          .eval_on_resume = eval_batches > 0};
}

std::uint64_t most_checkpoint_bytes(const config::ModelConfig& model) {
  constexpr std::uint64_t kOfAParameter = 16;  // of fp32: a weight, two moments, and as much again
  constexpr std::uint64_t kRoom = 64ULL << 20;
  const std::uint64_t width = model.width;
  const std::uint64_t block = 12 * width * width + 13 * width;
  const std::uint64_t ends = (2ULL * model.vocabulary + model.context + 2) * width;
  return kOfAParameter * (block * model.blocks + ends) + kRoom;
}

void make_replica(swarm::Options& options, const config::SwarmConfig& swarm,
                  std::uint64_t instance) {
  options.has_replicas = true;
  options.instance = instance;
  options.average_every = swarm.method.average_every;
  options.tokens = swarm.run.batch * swarm.run.context;
  options.average_rounds = static_cast<std::uint32_t>(std::ceil(1 / swarm.method.average_share));
  // Several heads fill a stage, and one replica stands in for others that are gone.
  constexpr std::uint32_t kHeads = 4;
  options.most_in_flight =
      std::min(kHeads * in_flight_at_most(swarm, options.stage.value()), limits::kMaxInFlight);
}

StageShape to_stage_shape(const config::SwarmConfig& swarm, const stage::Slice& slice) {
  return {.batch = swarm.run.batch,
          .tokens = swarm.run.context,
          .width = swarm.model.width,
          .vocabulary = swarm.model.vocabulary,
          .is_head = slice.is_head(),
          .is_tail = slice.is_tail()};
}

TokenSourceOptions to_token_source_options(const config::SwarmConfig& swarm) {
  return {.train = swarm.data.train,
          .validation = swarm.data.validation,
          .seed = swarm.run.seed,
          .vocabulary = swarm.model.vocabulary,
          .batch = swarm.run.batch,
          .tokens = swarm.run.context};
}

Result<std::vector<DataFile>> to_data_files(const trust::SwarmDescription& description,
                                            const config::DataConfig& paths) {
  std::vector<DataFile> files;
  const std::array<std::string, 2> places = {paths.train, paths.validation};
  for (const trust::TokenData& data : description.data) {
    BRIGADE_ASSIGN(const stage::TokenManifest manifest,
                   stage::parse_token_manifest(data.manifest, "the swarm's description"));
    files.push_back({.path = places.at(files.size()),
                     .manifest = data.manifest,
                     .bytes = manifest.tokens * manifest.bytes_per_token,
                     .sha256 = data.sha256});
  }
  return files;
}

Result<> check_is_that(const DataFile& file) {
  BRIGADE_ASSIGN(const stage::TokenFile here, stage::TokenFile::open(file.path, false));
  BRIGADE_ASSIGN(const stage::TokenManifest named,
                 stage::parse_token_manifest(file.manifest, "the swarm's description"));
  if (here.manifest() == named) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{} is not what this swarm trains on: move it away, and it is "
                                "copied from another node",
                                file.path.string()));
}

Result<std::uint64_t> eval_batches_in(const std::vector<DataFile>& files,
                                      const TokenSourceOptions& options) {
  if (files.size() < 2) return std::uint64_t{0};
  BRIGADE_ASSIGN(const stage::TokenManifest validation,
                 stage::parse_token_manifest(files[1].manifest, "the swarm's description"));
  return stage::eval_batches(validation.tokens, options.batch, options.tokens);
}

Result<std::vector<PeerAddress>> to_peers(const config::SwarmConfig& swarm,
                                          const config::NodeConfig& node, const NodeId& self) {
  std::vector<PeerAddress> peers;
  for (const config::PeerConfig& peer : node.peers) {
    NodeId id;
    if (!from_hex(peer.id, id))
      return make_error(ErrorCode::kBadInput,
                        fmt::format("peer id '{}' is not 64 hexadecimal digits: take it from "
                                    "brigaded --show-id on that node",
                                    peer.id));
    if (id == self)
      return make_error(
          ErrorCode::kBadInput,
          fmt::format("peer {} is this node itself: remove it from [[peers]]", to_short(id)));
    if (peer.stage >= swarm.stages)
      return make_error(ErrorCode::kBadInput,
                        fmt::format("peer {} has stage {}, but the swarm has {} stages",
                                    to_short(id), peer.stage, swarm.stages));
    peers.push_back({id, peer.address, StageIndex(peer.stage)});
  }
  return peers;
}

Codec to_codec(const config::SwarmConfig& swarm) {
  const auto codec = stage::find_codec(swarm.run.codec);
  BRIGADE_CHECK(codec.has_value(), "config let an unknown codec pass: " + swarm.run.codec);
  return *codec;
}

SwarmId to_swarm_id(const config::SwarmConfig& swarm) {
  const std::string text = config::canonical_text(swarm);
  SwarmId id{};
  static_assert(id.size() == SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), id.data());
  return id;
}

std::uint32_t in_flight_at_most(const config::SwarmConfig& swarm, std::uint32_t stage) {
  return config::in_flight_at_most(swarm, stage, swarm::most_found_window(swarm.stages));
}

}  // namespace brigade::daemon

#include "config/swarm_check.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <numeric>

#include "base/limits.hpp"
#include "config/methods.hpp"

namespace brigade::config {
namespace {

using MaybeFault = std::optional<Fault>;

template <class... Args>
Fault fault(std::string key, fmt::format_string<Args...> format, Args&&... args) {
  std::string message = key + " " + fmt::format(format, std::forward<Args>(args)...);
  return {std::move(key), std::move(message)};
}

MaybeFault model_fault(const SwarmConfig& config) {
  const ModelConfig& model = config.model;
  if (model.width % model.heads != 0) {
    return fault("model.heads", "must divide model.width: {} heads do not divide {}", model.heads,
                 model.width);
  }
  if (config.run.context > model.context) {
    return fault("run.context",
                 "is {} tokens, the model has positions for {}: raise model.context or lower it",
                 config.run.context, model.context);
  }
  return std::nullopt;
}

MaybeFault split_fault(const SwarmConfig& config) {
  const std::uint32_t blocks = config.model.blocks;
  if (config.stages > blocks) {
    return fault("stages", "is {}: {} stages need at least {} blocks, the model has {}",
                 config.stages, config.stages, config.stages, blocks);
  }
  if (config.split.empty()) return std::nullopt;
  if (config.split.size() != config.stages) {
    return fault("split", "names {} stages, the swarm has {}", config.split.size(), config.stages);
  }
  const auto sum = std::accumulate(config.split.begin(), config.split.end(), std::uint64_t{0});
  if (sum != blocks) return fault("split", "adds up to {} blocks, the model has {}", sum, blocks);
  return std::nullopt;
}

MaybeFault asynchronous_fault(const SwarmConfig& config, const Method& method) {
  if (config.method.optimizer != "auto") {
    return fault("method.optimizer", "is \"{}\": {} brings its own; gpipe and 1f1b may choose",
                 config.method.optimizer, method.name);
  }
  if (method.name == "2bw" && accumulate_of(config) < config.stages) {
    return fault("method.accumulate",
                 "is {}: 2bw keeps two versions, so {} stages need updates of {} micro-batches or "
                 "more",
                 accumulate_of(config), config.stages, config.stages);
  }
  return std::nullopt;
}

MaybeFault method_fault(const SwarmConfig& config) {
  const Method* method = find_method(config.method.name);
  if (method == nullptr) return fault("method.name", "\"{}\" is unknown", config.method.name);
  const bool is_muon = method->name == "nesterov-muon" || config.method.optimizer == "muon";
  if (!is_muon && config.method.muon_refresh != 0) {
    return fault("method.muon_refresh", "has no meaning for {}, which does without Muon",
                 method->name);
  }
  if (method->name != "nesterov-muon" && config.method.look_ahead != 1) {
    return fault("method.look_ahead", "has no meaning for {}: it is nesterov-muon's", method->name);
  }
  if (!method->is_synchronous) return asynchronous_fault(config, *method);
  if (accumulate_of(config) > limits::kMaxWindow) {
    return fault("method.accumulate",
                 "is {}: {} has a whole group in flight, and at most {} may be",
                 accumulate_of(config), method->name, limits::kMaxWindow);
  }
  if (config.run.window != 0) {
    return fault("run.window",
                 "has no meaning for {}, whose groups are method.accumulate: leave it"
                 " at auto",
                 method->name);
  }
  if (config.run.lock_step) {
    return fault("run.lock_step", "is for asynchronous methods, {} has a fixed order of its own",
                 method->name);
  }
  return std::nullopt;
}

MaybeFault run_fault(const SwarmConfig& config) {
  const RunConfig& run = config.run;
  if (run.lock_step && run.window != 0 && run.window < config.stages) {
    return fault("run.window", "is {}: in lock-step {} micro-batches must be in flight", run.window,
                 config.stages);
  }
  if (run.window == 0 && config.stages > limits::kMaxWindow) {
    return fault("run.window",
                 "must be set for {} stages: at most {} micro-batches may be in flight",
                 config.stages, limits::kMaxWindow);
  }
  if (run.steps != 0 && config.method.warmup > run.steps) {
    return fault("method.warmup", "is {} micro-batches, the whole run has {}", config.method.warmup,
                 run.steps);
  }
  const std::uint64_t payload = std::uint64_t{4} * run.batch * run.context * config.model.width;
  if (payload > limits::kMaxPayloadBytes) {
    return fault("run.batch",
                 "is too large: batch · context · width · 4 is {} bytes an activation, at most {} "
                 "can travel",
                 payload, limits::kMaxPayloadBytes);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Fault> find_fault(const SwarmConfig& config) {
  for (const auto judge : {model_fault, split_fault, method_fault, run_fault}) {
    if (auto found = judge(config)) return found;
  }
  return std::nullopt;
}

}  // namespace brigade::config

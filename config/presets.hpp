// Models and runs to start from: `--preset NAME`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/swarm_config.hpp"

namespace brigade::config {

struct Preset {
  std::string_view name;
  std::string_view meaning;
  ModelConfig model;  // the vocabulary is the data's: the caller puts it in
  std::uint32_t batch = 8;
  double learning_rate = 6e-4;
  std::uint64_t steps = 1000;
};

std::span<const Preset> presets();
/// The error lists the names.
Result<Preset> find_preset(std::string_view name);
/// Model, batch, context, learning rate and steps of `preset`; all else stays.
void apply_preset(const Preset& preset, SwarmConfig& config);

}  // namespace brigade::config

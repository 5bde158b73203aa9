#include "config/presets.hpp"

#include <fmt/format.h>

#include <array>

namespace brigade::config {
namespace {

constexpr std::array kPresets{
    Preset{.name = "tiny",
           .meaning = "0.2 M parameters: seconds, for a first try",
           .model = {.context = 64, .width = 64, .blocks = 4, .heads = 4},
           .batch = 8,
           .learning_rate = 1e-3,
           .steps = 500},
    Preset{.name = "demo",
           .meaning = "0.9 M parameters: minutes on a laptop's CPU",
           .model = {.context = 64, .width = 128, .blocks = 4, .heads = 4},
           .batch = 4,  // updates count, not tokens: docs/method.md, "What was measured"
           .learning_rate = 1e-3,
           .steps = 6000},
    Preset{.name = "small",
           .meaning = "11 M parameters: an hour on a CPU, minutes on a GPU",
           .model = {.context = 256, .width = 384, .blocks = 6, .heads = 6},
           .batch = 16,
           .learning_rate = 6e-4,
           .steps = 10'000},
    Preset{
        .name = "gpt2",
        .meaning = "124 M parameters with its own vocabulary: needs GPUs",
        .model = {.vocabulary = 50'257, .context = 1024, .width = 768, .blocks = 12, .heads = 12},
        .batch = 8,
        .learning_rate = 3e-4,
        .steps = 50'000},
};

}  // namespace

std::span<const Preset> presets() {
  return kPresets;
}

Result<Preset> find_preset(std::string_view name) {
  std::string names;
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return preset;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
  }
  return make_error(ErrorCode::kBadInput,
                    fmt::format("unknown preset \"{}\"; there are {}", name, names));
}

void apply_preset(const Preset& preset, SwarmConfig& config) {
  config.model = preset.model;
  config.run.batch = preset.batch;
  config.run.context = preset.model.context;
  config.run.steps = preset.steps;
}

}  // namespace brigade::config

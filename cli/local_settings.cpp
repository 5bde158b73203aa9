#include "cli/local_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/limits.hpp"
#include "config/methods.hpp"
#include "config/node_config.hpp"
#include "config/presets.hpp"

namespace brigade::cli {

namespace {

// Speed, memory and length may change: weights, moments and the order of the data stay what they
// are. Everything else would make it another run.
constexpr std::array<std::string_view, 12> kMayChange = {
    "--stages", "--split",     "--steps",  "--lr",    "--warmup",     "--clip",
    "--tau",    "--recompute", "--window", "--codec", "--eval-every", "--checkpoint-every"};

constexpr std::string_view kPresetMethod = "nesterov";

Result<> apply_flags(const LocalFlags& flags, config::SwarmConfig& swarm) {
  for (const LocalFlags::Setting& setting : flags.settings) {
    BRIGADE_TRY(config::set_from_flag(swarm, *setting.option, setting.text));
  }
  return {};
}

/// Flags over settings that are whole already: stages and split go on fitting each other.
Result<> change_settings(const LocalFlags& flags, config::SwarmConfig& swarm) {
  const std::uint32_t stages_before = swarm.stages;
  BRIGADE_TRY(apply_flags(flags, swarm));
  if (flags.has("--split")) {
    if (!flags.has("--stages")) swarm.stages = static_cast<std::uint32_t>(swarm.split.size());
  } else if (swarm.stages != stages_before) {
    swarm.split.clear();
  }
  return {};
}

Error bad_flag(std::string message) {
  return make_error(ErrorCode::kBadInput, std::move(message));
}

}  // namespace

bool LocalFlags::has(std::string_view flag) const {
  return std::any_of(settings.begin(), settings.end(),
                     [&](const Setting& setting) { return setting.option->flag == flag; });
}

bool may_change_at_resume(std::string_view flag) {
  return std::find(kMayChange.begin(), kMayChange.end(), flag) != kMayChange.end();
}

Result<> check_flags(const LocalFlags& flags) {
  if (flags.replicas != 1) {
    return bad_flag(
        fmt::format("--replicas {}: this version trains with one replica a stage: "
                    "leave it at 1",
                    flags.replicas));
  }
  if (!config::is_device(flags.device)) {
    return bad_flag(fmt::format("--device {}: must be auto, cpu or cuda:N", flags.device));
  }
  const auto sources = {flags.preset.empty(), flags.model.empty(), flags.swarm.empty()};
  if (std::ranges::count(sources, false) > 1) {
    return bad_flag("--preset, --model and --swarm each say what the model is: give one");
  }
  if (flags.resume.empty()) return {};
  const auto refuse = [](std::string_view flag) {
    return bad_flag(
        fmt::format("{}: cannot change when a run is resumed: leave it out, or start a "
                    "new run",
                    flag));
  };
  if (!flags.out.empty()) return bad_flag("--out: --resume DIR goes on in DIR: leave --out away");
  if (flags.replaces) return bad_flag("--force deletes a run, --resume goes on with it: give one");
  if (!flags.preset.empty()) return refuse("--preset");
  if (!flags.model.empty()) return refuse("--model");
  if (!flags.swarm.empty()) return refuse("--swarm");
  if (!flags.data.empty()) return refuse("--data");
  for (const LocalFlags::Setting& setting : flags.settings) {
    if (!may_change_at_resume(setting.option->flag)) return refuse(setting.option->flag);
  }
  return {};
}

std::optional<SettingsError> settle_new_run(const LocalFlags& flags, config::SwarmConfig& swarm) {
  if (!flags.swarm.empty()) {
    auto loaded = config::load_swarm_config(flags.swarm);
    if (!loaded) return SettingsError{loaded.error(), true};
    swarm = std::move(*loaded);
    if (auto applied = change_settings(flags, swarm); !applied) {
      return SettingsError{applied.error()};
    }
    return std::nullopt;
  }
  swarm.stages = kDefaultStages;
  const std::string preset = flags.preset.empty() ? kDefaultPreset : flags.preset;
  auto found = config::find_preset(preset);
  if (!found) return SettingsError{bad_flag("--preset: " + found.error().message)};
  config::apply_preset(*found, swarm);
  if (!flags.model.empty()) {
    auto model = config::load_model_config(flags.model);
    if (!model) return SettingsError{model.error(), true};
    swarm.model = *model;
    swarm.run.context = model->context;
  }
  if (auto applied = apply_flags(flags, swarm); !applied) return SettingsError{applied.error()};
  // The preset's rate was found with nesterov; other methods have their own.
  if (!flags.has("--lr") && swarm.method.name == kPresetMethod) {
    swarm.method.learning_rate = found->learning_rate;
  }
  if (flags.has("--split") && !flags.has("--stages")) {
    swarm.stages = static_cast<std::uint32_t>(swarm.split.size());
  }
  // Stages that share this machine's cores slow each other down, which window control takes for
  // gradients that are late: it widens the window, and staleness costs loss. Over links it decides.
  const auto* method = config::find_method(swarm.method.name);
  const bool has_window = method != nullptr && !method->is_synchronous;
  if (has_window && !flags.has("--window") && flags.link_delay_ms == 0) {
    swarm.run.window = std::min(swarm.stages, limits::kMaxWindow);
  }
  if (flags.has("--context") && flags.model.empty()) {
    // A preset is a size to start from: its position table follows the sequences asked for.
    swarm.model.context = swarm.run.context;
  }
  return std::nullopt;
}

Result<> settle_resumed_run(const LocalFlags& flags, config::SwarmConfig& swarm) {
  const std::uint32_t stages_before = swarm.stages;
  BRIGADE_TRY(change_settings(flags, swarm));
  if (swarm.run.window == stages_before && !flags.has("--window")) {
    swarm.run.window = std::min(swarm.stages, limits::kMaxWindow);
  }
  return {};
}

}  // namespace brigade::cli

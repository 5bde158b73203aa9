// The flags of `brigade local`, and what they make of a new or a resumed run's configuration.
// What a run is (model, data, method, seed) is settled when it starts; how it goes on may change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

struct LocalFlags {
  struct Setting {
    const config::OptionOf<config::SwarmConfig>* option = nullptr;
    std::string text;
  };
  std::vector<Setting> settings;  // flags of the option table, as given
  std::uint32_t replicas = 1;
  std::string preset;
  std::string model;
  std::string swarm;
  std::string data;
  std::string device = "auto";
  std::optional<std::uint32_t> threads;
  std::uint32_t link_delay_ms = 0;
  std::string log;
  std::string out;     // empty: kDefaultOut
  std::string resume;  // empty: a new run
  bool prints_json = false;
  bool replaces = false;

  bool has(std::string_view flag) const;
};

inline constexpr const char* kDefaultOut = "brigade-out";
inline constexpr const char* kDefaultPreset = "demo";
inline constexpr std::uint32_t kDefaultStages = 4;

/// May a resumed run change what this flag says?
bool may_change_at_resume(std::string_view flag);

/// Flags that contradict each other or what this version can do. Every error is wrong usage.
Result<> check_flags(const LocalFlags& flags);

/// Preset, model file or a whole swarm.toml, then the flags. Data and vocabulary are filled in
/// later. An error is wrong usage unless it is about a file (then `is_file_error`).
struct SettingsError {
  Error error;
  bool is_file_error = false;
};
std::optional<SettingsError> settle_new_run(const LocalFlags& flags, config::SwarmConfig& swarm);

/// What the flags change in the configuration of an existing run. A new number of stages without a
/// --split of its own means a new balanced split.
Result<> settle_resumed_run(const LocalFlags& flags, config::SwarmConfig& swarm);

}  // namespace brigade::cli

// plan.toml: machines, their lines and what happens to them, for `brigade simulate`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/option.hpp"

namespace brigade::config {

inline constexpr std::uint32_t kMaxPlanMachines = 20'000;  // all together
inline constexpr std::uint32_t kMaxPlanStages = 256;
inline constexpr std::uint32_t kMaxPlanMinutes = 10'080;  // a week
inline constexpr std::size_t kMaxPlanEvents = 1000;

/// Machines of one kind. `…_most`: each draws between the two; 0: all are alike.
struct PlanMachines {
  std::string name = "machines";
  std::uint32_t count = 1;
  std::string stage = "auto";  // or a number
  double per_minute = 0;       // micro-batches that it computes at one stage, if it never waits
  double per_minute_most = 0;
  double round_trip_ms = 30;  // between two of them; with others the mean of both
  double round_trip_ms_most = 0;
  double mbit_per_s = 50;  // each way, on each link
  double mbit_per_s_most = 0;
  double dies_every_h = 0;  // each of them, on average; 0: never
  double away_min = 5;      // then, until it is started again
  bool operator==(const PlanMachines&) const = default;
};

struct PlanEvent {
  double at_s = 0;
  std::string what = "kill";
  std::string machines;  // a name; empty: any
  std::uint32_t count = 1;
  double lasts_s = 0;  // 0: for good
  double factor = 2;   // of `slow`
  bool operator==(const PlanEvent&) const = default;
};

struct PlanConfig {
  std::filesystem::path swarm;  // swarm.toml: stages, tokens and sizes come from it
  std::uint32_t stages = 0;
  double minutes = 20;
  std::uint64_t seed = 1;
  struct Microbatch {
    std::uint32_t tokens = 1024;
    double activation_mb = 1;  // and the gradient that comes back
    bool operator==(const Microbatch&) const = default;
  } microbatch;
  double stage_mb = 0;  // weights and moments, which whoever begins copies first
  std::uint32_t window = 0;
  std::uint32_t average_every = 4;
  std::vector<PlanMachines> machines;
  std::vector<PlanEvent> events;
  bool operator==(const PlanConfig&) const = default;
};

/// None: auto.
std::optional<std::uint32_t> stage_of(const PlanMachines& machines);

/// What single settings do not tell. Errors start with the key.
Result<> check(const PlanConfig& plan);
/// Parses and checks. Errors have the place in the file.
Result<PlanConfig> parse_plan(const std::string& text, const std::string& origin);
/// The same, with `swarm` resolved against the file's folder.
Result<PlanConfig> load_plan(const std::filesystem::path& file);

std::span<const OptionOf<PlanConfig>> plan_options();
std::span<const OptionOf<PlanMachines>> plan_machines_options();  // of each [[machines]]
std::span<const OptionOf<PlanEvent>> plan_event_options();        // of each [[events]]

}  // namespace brigade::config

// The simulator: drives the real cores of a whole swarm through a scenario in virtual time.
//
//     RunResult result = run(scenario, seed, {});
//     if (result.violation) puts(explain(scenario, seed, result).c_str());
//
// The same scenario and seed give the same events in the same order, hence the same trace hash.
// Simultaneous events happen in the order in which they were scheduled.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "sim/branches.hpp"
#include "sim/checkers/checker.hpp"
#include "sim/scenario.hpp"
#include "sim/stage_model.hpp"

namespace brigade::sim {

/// How far each host of a swarm with replicas has come.
struct SwarmSample {
  struct Host {
    std::uint64_t applied = 0;  // micro-batches, over all its instances
    Duration busy{};            // its device, the same
    bool is_alive = false;
    double staleness = 0;  // of its present instance, in updates
  };
  TimePoint at;
  std::vector<Host> hosts;
};

struct RunOptions {
  bool has_checks = true;           // checkers and trace; without, only the cores and the models
  std::FILE* live_trace = nullptr;  // every event and action as it happens
  std::uint64_t most_events = 50'000'000;  // then the run is called endless
  /// Of a swarm with replicas: how often `on_sample` is called; zero: never.
  Duration sample_every{};
  std::function<void(const SwarmSample&)> on_sample;
};

struct TimedStep {
  TimePoint at;
  swarm::StepReported step;
  std::uint64_t staleness = 0;  // updates that the head made since its forward
};

struct TimedWindow {
  TimePoint at;
  swarm::WindowChanged change;
};

struct RunResult {
  std::optional<Violation> violation;
  std::uint64_t trace_hash = 0;
  std::string trace_tail;    // filled in where there is a violation
  std::uint64_t events = 0;  // handled by cores: "hop events"
  TimePoint ended;
  std::vector<TimedStep> steps;
  std::vector<TimedWindow> windows;  // that the head chose itself
  std::vector<Digest> weights;       // of each stage at the end
  std::uint32_t epochs = 0;          // the last one
  std::uint64_t lost = 0;            // messages
  std::uint64_t duplicated = 0;
  std::uint64_t most_held_bytes = 0;  // by any one host
  BranchCounts branches;
};

RunResult run(const Scenario& scenario, std::uint64_t seed, const RunOptions& options);

/// Seed, scenario, virtual time, reason, the last lines of the trace and the command that replays.
std::string explain(const Scenario& scenario, std::uint64_t seed, const RunResult& result);

}  // namespace brigade::sim

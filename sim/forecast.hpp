// What a swarm of given machines on given lines would do. The plan becomes a scenario for the real
// cores (sim/swarm_world.hpp), and what they did becomes figures.
//
// Modelled: computing, routes, windows, averaging, deaths and what mends them, and that whoever
// begins copies its stage first. Not modelled: membership and the balance of stages (nobody moves),
// lines that several links of a machine share, and the mathematics.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "sim/swarm_scenario.hpp"

namespace brigade::sim {

inline double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
inline Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

struct Plan {
  struct Machine {
    std::uint32_t kind = 0;              // as the caller numbers them
    std::optional<std::uint32_t> stage;  // none: where the least can be computed
    double per_second = 1;               // micro-batches, at one stage
    Duration line{};                     // one way to the middle of the net
    std::uint64_t bytes_per_second = 0;  // of a link; 0: no bound
    Duration dies_every{};               // on average; zero: never
    Duration away{};
  };
  struct Event {  // kKill, kFreeze, kSlow or kLeave, of so many machines that are drawn
    SwarmFault::Kind what = SwarmFault::Kind::kKill;
    Duration at{};
    Duration lasts{};  // zero: for good
    double factor = 1;
    std::optional<std::uint32_t> kind;
    std::uint32_t count = 1;
  };
  std::uint32_t stages = 1;
  Duration lasts = std::chrono::minutes{20};
  std::uint64_t seed = 1;
  std::uint32_t tokens = 1024;
  std::uint64_t activation_bytes = 0;
  std::uint64_t stage_bytes = 0;
  std::uint32_t window = 0;
  std::uint32_t average_every = 0;
  std::vector<Machine> machines;
  std::vector<Event> events;
};

/// Rates in micro-batches a second. "Possible" is what the slowest stage could compute with the
/// machines that are up, if none of them ever waited.
struct Forecast {
  struct Stage {
    std::uint32_t machines = 0;
    double possible = 0;   // of this stage, on average
    double busy = 0;       // of what its machines could, 0 … 1
    double staleness = 0;  // in updates, mean of its machines at the end
  };
  struct Moment {
    double at_s = 0;
    double rate = 0;
    double possible = 0;
  };
  struct Outcome {  // of an event
    std::vector<std::uint32_t> machines;
    double before = 0;                    // the rate; 0: too early for one
    double possible = 0;                  // after it, of what was possible before
    std::optional<double> recovered_s{};  // until nine tenths of what is left; none: not in time
    double stood_still_s = 0;             // the longest time without a micro-batch
  };
  std::vector<std::uint32_t> stage_of;  // machine
  std::vector<Stage> stages;
  std::vector<Moment> moments;
  std::vector<Outcome> events;
  double rate = 0;  // without the first tenth of the time, as all means here
  double possible = 0;
  std::uint32_t slowest = 0;       // stage
  std::uint64_t deaths = 0;        // of machines
  std::uint64_t microbatches = 0;  // trained in all
  std::uint64_t died = 0;          // micro-batches that dead instances had applied, all stages
  std::uint64_t written_off = 0;
  std::string violation;  // a fault of Brigade, with its trace; empty: none
};

/// The stage of each machine: as it says, else, the quickest first, where the least can be
/// computed.
std::vector<std::uint32_t> place(const Plan& plan);

/// Of more machines no event is checked unless it is wished: that takes a quarter of the time.
inline constexpr std::size_t kMostChecked = 500;

struct ForecastOptions {
  std::function<void(double)> on_progress{};  // how much of the time has passed, 0 … 1
  bool is_checked = false;                    // every event, however many machines
  std::FILE* trace = nullptr;                 // every event and action
};
Forecast forecast(const Plan& plan, const ForecastOptions& options = {});

}  // namespace brigade::sim

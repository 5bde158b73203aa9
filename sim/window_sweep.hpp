// What window control is judged by: networks, and what fixed windows of every size make of them.
//
// For a network, the best fixed window is the one with the highest throughput; the smallest one
// that comes within kTolerance of it is what a head should find, since staleness grows with the
// window. Throughput and staleness are those of the head, in steady state; where the network
// changes, over the same stretch of virtual time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/scenario.hpp"
#include "sim/world.hpp"

namespace brigade::sim {

struct WindowNetwork {
  Scenario scenario;
  std::uint32_t largest = 0;  // of the fixed windows: well beyond what the network has room for
  Duration from{};            // measured from here, after the search for a first window,
  Duration to{};              // to here
  /// Fixed windows have nothing to search for: where nothing changes, a shorter time will do.
  Duration fixed_from{};
  Duration fixed_to{};
};

/// Constant, jittered and bursty links, slow stages, narrow links, and each of them changing.
const std::vector<WindowNetwork>& window_networks();

struct WindowMeasure {
  std::uint32_t window = 0;  // 0: found by the head
  double rate = 0;           // gradients a second
  double staleness = 0;      // of the head, mean, in updates
};

struct WindowSweep {
  static constexpr double kTolerance = 0.03;

  std::vector<WindowMeasure> fixed;  // 1 … largest
  WindowMeasure best;                // of those, the highest rate
  WindowMeasure smallest;            // within kTolerance of the best
  WindowMeasure found;               // what the head made of it
  std::vector<TimedWindow> changes;
  double mean_window = 0;  // of `found`, over time
};

WindowSweep sweep_windows(const WindowNetwork& network, std::uint64_t seed);

}  // namespace brigade::sim

#include "sim/window_sweep.hpp"

#include <algorithm>
#include <chrono>

#include "base/check.hpp"

namespace brigade::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Fault::Kind;

// Three equal stages of 6.5 ms a micro-batch: at most 154 gradients a second.
WindowNetwork network(const char* name, const char* about, std::uint32_t largest,
                      Duration latency) {
  WindowNetwork network;
  Scenario& scenario = network.scenario;
  scenario.name = name;
  scenario.about = about;
  scenario.stages = 3;
  scenario.link.latency = constant(latency);
  scenario.ending = Ending::kStopped;
  network.largest = largest;
  network.from = seconds{8};
  network.to = seconds{60};
  network.fixed_from = seconds{2};
  network.fixed_to = seconds{8};
  return network;
}

WindowNetwork changing(WindowNetwork network, const Fault& fault) {
  network.scenario.faults = {fault};
  network.fixed_from = network.from;
  network.to = network.fixed_to = fault.at + fault.lasts;
  return network;
}

DeviceModel slower(DeviceModel device, int times) {
  device.forward *= times;
  device.backward *= times;
  device.update *= times;
  return device;
}

std::vector<WindowNetwork> steady() {
  std::vector<WindowNetwork> list;
  list.push_back(network("near", "a local network", 12, Duration{200'000}));
  list.push_back(network("constant", "20 ms one way between all stages", 40, milliseconds{20}));

  WindowNetwork jittered = network("jittered", "delays of 10 to 30 ms, devices that vary by a half",
                                   50, milliseconds{20});
  jittered.scenario.link.latency = uniform(milliseconds{10}, milliseconds{20});
  jittered.scenario.device.jitter = 0.5;
  jittered.from = seconds{15};
  jittered.fixed_to = seconds{15};
  list.push_back(jittered);

  WindowNetwork bursty = network("bursty", "links stand still for 50 to 100 ms every few seconds",
                                 100, milliseconds{10});
  bursty.scenario.link.stall = uniform(milliseconds{50}, milliseconds{50});
  bursty.scenario.link.between_stalls = uniform(seconds{2}, seconds{2});
  bursty.from = seconds{30};
  bursty.to = seconds{90};
  bursty.fixed_to = seconds{32};
  list.push_back(bursty);

  WindowNetwork shared = network(
      "shared", "a machine that is up to a third slower for a second or two, as others use it", 40,
      milliseconds{20});
  shared.scenario.device.jitter = 0.3;
  shared.scenario.device.mood = 0.33;
  shared.from = seconds{40};
  shared.to = shared.fixed_to = seconds{160};
  shared.fixed_from = seconds{40};
  list.push_back(shared);

  WindowNetwork slow =
      network("slow stage", "the tail takes four times as long", 20, milliseconds{20});
  slow.scenario.other_devices = {{2, slower(slow.scenario.device, 4)}};
  slow.fixed_to = seconds{20};
  list.push_back(slow);

  WindowNetwork narrow = network("narrow link", "a link of 5 MB/s, half of what would be needed",
                                 40, milliseconds{20});
  narrow.scenario.link.bytes_per_second = 100'000'000;
  narrow.scenario.other_links = {{1, narrow.scenario.link}};
  narrow.scenario.other_links.front().second.bytes_per_second = 5'000'000;
  list.push_back(narrow);
  return list;
}

std::vector<WindowNetwork> unsteady() {
  std::vector<WindowNetwork> list;
  list.push_back(
      changing(network("becomes slow", "a stage becomes three times as slow", 24, milliseconds{20}),
               {Kind::kSlow, seconds{30}, 1, seconds{30}, 3}));
  list.push_back(
      changing(network("becomes far", "the delay of a link doubles", 30, milliseconds{20}),
               {Kind::kFarLink, seconds{30}, 0, seconds{30}, 2}));

  WindowNetwork halves =
      network("link halves", "a link of 14 MB/s becomes one of 7 MB/s", 26, milliseconds{20});
  halves.scenario.link.bytes_per_second = 14'000'000;
  list.push_back(changing(halves, {Kind::kNarrowLink, seconds{30}, 0, seconds{30}, 2}));
  return list;
}

std::vector<WindowNetwork> make_networks() {
  std::vector<WindowNetwork> list = steady();
  for (WindowNetwork& network : unsteady()) list.push_back(std::move(network));
  return list;
}

WindowMeasure measure(const RunResult& result, std::uint32_t window, TimePoint from, TimePoint to) {
  std::uint64_t steps = 0, staleness = 0;
  for (const TimedStep& step : result.steps) {
    if (step.at < from || step.at >= to) continue;
    ++steps;
    staleness += step.staleness;
  }
  BRIGADE_CHECK(steps > 0, "nothing came back in time");
  return {window, static_cast<double>(steps) / std::chrono::duration<double>(to - from).count(),
          static_cast<double>(staleness) / static_cast<double>(steps)};
}

RunResult run_to(Scenario scenario, std::uint32_t window, std::uint64_t seed, Duration to) {
  scenario.options.window = window;
  scenario.faults.push_back({Kind::kStop, to, 0, Duration::zero(), 1});
  RunOptions bare;
  bare.has_checks = false;
  RunResult result = run(scenario, seed, bare);
  BRIGADE_CHECK(!result.violation, explain(scenario, seed, result));
  return result;
}

double mean_window(const WindowNetwork& network, const std::vector<TimedWindow>& changes) {
  const TimePoint from = TimePoint{} + network.from, to = TimePoint{} + network.to;
  double window = network.scenario.stages, sum = 0;
  TimePoint since = from;
  for (const TimedWindow& next : changes) {
    const TimePoint until = std::clamp(next.at, from, to);
    sum += window * std::chrono::duration<double>(until - since).count();
    since = until;
    window = next.change.window;
  }
  sum += window * std::chrono::duration<double>(to - since).count();
  return sum / std::chrono::duration<double>(to - from).count();
}

}  // namespace

const std::vector<WindowNetwork>& window_networks() {
  static const std::vector<WindowNetwork> kNetworks = make_networks();
  return kNetworks;
}

WindowSweep sweep_windows(const WindowNetwork& network, std::uint64_t seed) {
  WindowSweep sweep;
  const TimePoint fixed_from = TimePoint{} + network.fixed_from;
  for (std::uint32_t window = 1; window <= network.largest; ++window) {
    const RunResult result = run_to(network.scenario, window, seed, network.fixed_to);
    sweep.fixed.push_back(measure(result, window, fixed_from, TimePoint{} + network.fixed_to));
  }
  const auto by_rate = [](const WindowMeasure& a, const WindowMeasure& b) {
    return a.rate < b.rate;
  };
  sweep.best = *std::max_element(sweep.fixed.begin(), sweep.fixed.end(), by_rate);
  const double enough = (1 - WindowSweep::kTolerance) * sweep.best.rate;
  sweep.smallest = *std::find_if(sweep.fixed.begin(), sweep.fixed.end(),
                                 [&](const WindowMeasure& m) { return m.rate >= enough; });
  const RunResult result = run_to(network.scenario, 0, seed, network.to);
  sweep.found = measure(result, 0, TimePoint{} + network.from, TimePoint{} + network.to);
  sweep.changes = result.windows;
  sweep.mean_window = mean_window(network, result.windows);
  return sweep;
}

}  // namespace brigade::sim

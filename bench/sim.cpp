// bench-sim: how many hop events a second the simulator drives through the real core, on one core.
//
// A hop event is one event that a node's core handles: a message that arrived, an answer of the
// device or the disk, a link that changed, a timer. Counted with everything the simulator does for
// it: its queue, links, devices and the actions that the core answers with. "with checkers" adds
// all checkers, the trace and its hash.
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "bench/processor.hpp"
#include "sim/world.hpp"

namespace {

using brigade::sim::RunOptions;
using brigade::sim::Scenario;

constexpr int kRepetitions = 7;

void print_machine() {
  utsname name{};
  ::uname(&name);
  std::printf("machine: %s, %u hardware threads, %s %s, g++ %s, %s\n",
              brigade::bench::processor().c_str(), std::thread::hardware_concurrency(),
              name.sysname, name.release, __VERSION__, BRIGADE_BUILD_TYPE);
}

Scenario line(std::uint32_t stages, std::uint32_t window, std::uint64_t steps) {
  Scenario scenario;
  scenario.name = "bench";
  scenario.stages = stages;
  scenario.options.window = window;
  scenario.options.steps = steps;
  scenario.options.receipt_deadline = std::chrono::seconds{60};
  scenario.options.gradient_deadline = std::chrono::seconds{600};
  scenario.options.longest_pause = std::chrono::seconds{600};
  scenario.options.beacon_interval = std::chrono::seconds{5};
  scenario.device.jitter = 0.2;
  scenario.link.latency =
      brigade::sim::uniform(std::chrono::milliseconds{5}, std::chrono::milliseconds{5});
  scenario.bound = std::chrono::hours{24};
  return scenario;
}

bool measure(const char* what, const Scenario& scenario, bool has_checks) {
  RunOptions options;
  options.has_checks = has_checks;
  std::vector<double> rates;
  std::uint64_t events = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = brigade::sim::run(scenario, 1, options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (result.violation) {
      std::fputs(brigade::sim::explain(scenario, 1, result).c_str(), stderr);
      return false;
    }
    events = result.events;
    rates.push_back(static_cast<double>(events) / took.count());
  }
  std::sort(rates.begin(), rates.end());
  std::printf("%-34s %9llu events x %d: median %9.0f hop events/s, least %9.0f, most %9.0f\n", what,
              static_cast<unsigned long long>(events), kRepetitions, rates[rates.size() / 2],
              rates.front(), rates.back());
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int, char** argv) {
  print_machine();
  std::printf("command: %s\n", argv[0]);
  const Scenario eight = line(8, 8, 20'000);
  const Scenario thousand = line(1000, 200, 150);
  const bool is_sound = measure("line of 8 stages", eight, false) &&
                        measure("line of 8 stages, with checkers", eight, true) &&
                        measure("line of 1,000 stages", thousand, false) &&
                        measure("line of 1,000, with checkers", thousand, true);
  return is_sound ? 0 : 1;
}

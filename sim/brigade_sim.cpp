// brigade-sim: runs one scenario of the table, or random ones, and says what happened.
//
//     brigade-sim --windows            what window control makes of each network, beside the best
//                                      fixed window and the smallest one as fast
//     brigade-sim --windows --trace    and each change of the window with its reason, and the
//                                      throughput and staleness of every fixed window
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "sim/swarm_world.hpp"
#include "sim/window_sweep.hpp"
#include "sim/world.hpp"

namespace {

using brigade::sim::RunOptions;
using brigade::sim::RunResult;
using brigade::sim::Scenario;

constexpr const char* kHelp =
    "Usage: brigade-sim --scenario NAME [--seed N] [--seeds COUNT] [--trace] [--no-checks]\n"
    "       brigade-sim --windows [--seed N] [--trace]\n"
    "       brigade-sim --list\n"
    "\n"
    "Drives the real cores of a swarm through a scenario in virtual time.\n"
    "\n"
    "  --scenario NAME  one of --list, or 'random': drawn from the seed\n"
    "  --seed N         seed of the run (default 1)\n"
    "  --seeds COUNT    runs the seeds N, N+1, … and stops at the first violation\n"
    "  --trace          prints every event and action; of --windows, every window\n"
    "  --no-checks      cores and models alone, for speed\n"
    "  --windows        window control against fixed windows of every size, on several networks\n"
    "  --list           the scenarios, one a line\n"
    "  --help           this text\n"
    "Exit codes: 0 nothing was violated, 1 a violation, 2 wrong usage\n";

struct Arguments {
  std::string scenario;
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  bool has_trace = false;
  bool has_windows = false;
  bool has_checks = true;
};

int refuse(const std::string& what) {
  std::fprintf(stderr, "brigade-sim: %s; --help lists the options\n", what.c_str());
  return 2;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void list_scenarios() {
  for (const Scenario& scenario : brigade::sim::standard_scenarios()) {
    std::printf("%-22s %s\n", scenario.name.c_str(), scenario.about.c_str());
  }
  std::printf("%-22s %s\n", "random", "everything drawn from the seed");
  for (const auto& scenario : brigade::sim::swarm_scenarios()) {
    std::printf("%-22s %s\n", scenario.name.c_str(), scenario.about.c_str());
  }
  std::printf("%-22s %s\n", "swarm-random", "replicas, everything drawn from the seed");
}

void print_summary(const Scenario& scenario, std::uint64_t seed, const RunResult& result,
                   double seconds) {
  std::printf(
      "%s seed %llu: %.3f s of virtual time, %llu events in %.3f s (%.0f a second), "
      "%zu steps, epoch %u, %llu messages lost, trace %016llx\n",
      scenario.name.c_str(), static_cast<unsigned long long>(seed),
      std::chrono::duration<double>(result.ended.time_since_epoch()).count(),
      static_cast<unsigned long long>(result.events), seconds,
      static_cast<double>(result.events) / seconds, result.steps.size(), result.epochs,
      static_cast<unsigned long long>(result.lost),
      static_cast<unsigned long long>(result.trace_hash));
}

void print_details(const brigade::sim::WindowSweep& sweep) {
  for (const auto& fixed : sweep.fixed) {
    std::printf("    window %3u: %7.2f/s, staleness %6.2f\n", fixed.window, fixed.rate,
                fixed.staleness);
  }
  for (const auto& [at, change] : sweep.changes) {
    std::printf("    %8.2f s: window %u, busy before %.3f, %s\n",
                std::chrono::duration<double>(at.time_since_epoch()).count(), change.window,
                change.busy_before, change.reason);
  }
}

int print_windows(const Arguments& arguments) {
  std::printf("%-14s | %-16s | %-24s | %-24s | %-10s | %s\n", "network", "best fixed: rate",
              "smallest: window, rate, τ", "found: window, rate, τ", "rate", "τ");
  for (const brigade::sim::WindowNetwork& network : brigade::sim::window_networks()) {
    const auto sweep = brigade::sim::sweep_windows(network, arguments.seed);
    std::printf("%-14s | %4u %9.2f/s | %4u %9.2f/s %7.2f | %4.1f %9.2f/s %7.2f | %8.1f %% | %.2f\n",
                network.scenario.name.c_str(), sweep.best.window, sweep.best.rate,
                sweep.smallest.window, sweep.smallest.rate, sweep.smallest.staleness,
                sweep.mean_window, sweep.found.rate, sweep.found.staleness,
                100 * sweep.found.rate / sweep.best.rate,
                sweep.found.staleness / sweep.smallest.staleness);
    if (arguments.has_trace) print_details(sweep);
    std::fflush(stdout);
  }
  return 0;
}

int run_all(const Arguments& arguments) {
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.seeds; ++seed) {
    const Scenario scenario = arguments.scenario == "random"
                                  ? brigade::sim::random_scenario(seed)
                                  : *brigade::sim::find_scenario(arguments.scenario);
    RunOptions options;
    options.has_checks = arguments.has_checks;
    options.live_trace = arguments.has_trace ? stdout : nullptr;
    const auto begin = std::chrono::steady_clock::now();
    const RunResult result = brigade::sim::run(scenario, seed, options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (result.violation) {
      std::fputs(brigade::sim::explain(scenario, seed, result).c_str(), stderr);
      return 1;
    }
    print_summary(scenario, seed, result, took.count());
  }
  return 0;
}

int run_swarms(const Arguments& arguments) {
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.seeds; ++seed) {
    const auto scenario = arguments.scenario == "swarm-random"
                              ? brigade::sim::random_swarm_scenario(seed)
                              : *brigade::sim::find_swarm_scenario(arguments.scenario);
    RunOptions options;
    options.has_checks = arguments.has_checks;
    options.live_trace = arguments.has_trace ? stdout : nullptr;
    const auto result = brigade::sim::run(scenario, seed, options);
    if (result.violation) {
      std::fputs(brigade::sim::explain(scenario, seed, result).c_str(), stderr);
      return 1;
    }
    std::printf(
        "%s seed %llu: %.3f s of virtual time, %llu events, %zu steps, %llu applications "
        "lost with their nodes, %llu written off, trace %016llx\n",
        scenario.name.c_str(), static_cast<unsigned long long>(seed),
        std::chrono::duration<double>(result.ended.time_since_epoch()).count(),
        static_cast<unsigned long long>(result.events), result.steps.size(),
        static_cast<unsigned long long>(result.lost_progress),
        static_cast<unsigned long long>(result.written_off),
        static_cast<unsigned long long>(result.trace_hash));
    for (std::size_t i = 0; arguments.seeds == 1 && i < brigade::sim::kSwarmBranches; ++i) {
      const auto branch = static_cast<brigade::sim::SwarmBranch>(i);
      std::printf("  %-40s %llu\n", to_string(branch),
                  static_cast<unsigned long long>(result.branches.of(branch)));
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--help") return std::fputs(kHelp, stdout) < 0 ? 1 : 0;
    if (option == "--list") {
      list_scenarios();
      return 0;
    }
    if (option == "--trace") {
      arguments.has_trace = true;
      continue;
    }
    if (option == "--windows") {
      arguments.has_windows = true;
      continue;
    }
    if (option == "--no-checks") {
      arguments.has_checks = false;
      continue;
    }
    const bool takes_value = option == "--scenario" || option == "--seed" || option == "--seeds";
    if (!takes_value) return refuse("unknown option '" + std::string(option) + "'");
    if (i + 1 == argc) return refuse(std::string(option) + " needs a value");
    const std::string_view value = argv[++i];
    if (option == "--scenario") {
      arguments.scenario = value;
      continue;
    }
    const auto number = to_number(value);
    if (!number)
      return refuse(std::string(option) + " is not a number: '" + std::string(value) + "'");
    (option == "--seed" ? arguments.seed : arguments.seeds) = *number;
  }
  if (arguments.has_windows) return print_windows(arguments);
  if (arguments.scenario == "swarm-random" ||
      brigade::sim::find_swarm_scenario(arguments.scenario) != nullptr) {
    return run_swarms(arguments);
  }
  if (arguments.scenario != "random" &&
      brigade::sim::find_scenario(arguments.scenario) == nullptr) {
    return refuse(arguments.scenario.empty() ? "no --scenario"
                                             : "no scenario '" + arguments.scenario + "'");
  }
  return run_all(arguments);
}

// brigade simulate: what a swarm of given machines and links would do.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/figures.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "cli/commands.hpp"
#include "cli/forecast_report.hpp"
#include "cli/interrupts.hpp"
#include "cli/run_cost.hpp"
#include "cli/screen.hpp"
#include "config/plan_config.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

namespace {

constexpr std::uint64_t kDrawSalt = 0x91a7;
constexpr double kBytesOfParameter = 12;  // weight and both moments, fp32
constexpr double kMega = 1e6;
constexpr std::size_t kPlainColumns = 80;
constexpr std::chrono::milliseconds kRedraw{200};

struct SimulateFlags {
  std::string plan;
  std::string picture;
  std::optional<std::uint64_t> seed;
  bool prints_json = false;
  bool traces = false;
  bool is_checked = false;
};

double bytes_of_codec(const std::string& codec) {
  if (codec == "bf16") return 2;
  return codec == "int8" ? 1 : 4;
}

/// What the plan leaves to the swarm that it names.
Result<> take_from_swarm(config::PlanConfig& config) {
  if (config.swarm.empty()) return {};
  BRIGADE_ASSIGN(const config::SwarmConfig swarm, config::load_swarm_config(config.swarm));
  if (config.stages == 0) config.stages = swarm.stages;
  config.microbatch.tokens = swarm.run.batch * swarm.run.context;
  config.microbatch.activation_mb = config.microbatch.tokens * double{1} * swarm.model.width *
                                    bytes_of_codec(swarm.run.codec) / kMega;
  config.average_every = swarm.method.average_every;
  config.window = swarm.run.window;
  config.stage_mb =
      static_cast<double>(count_parameters(swarm)) / config.stages * kBytesOfParameter / kMega;
  if (config.stages > config::kMaxPlanStages)
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: at most {} stages can be simulated", config.swarm.string(),
                                  config::kMaxPlanStages));
  return config::check(config);  // machines name stages
}

/// Evenly between the two; the second may be left out.
double between(double least, double most, Random& random) {
  return most > least ? least + (most - least) * random.uniform() : least;
}

std::uint64_t to_bytes(double megabytes) {
  return static_cast<std::uint64_t>(std::llround(kMega * megabytes));
}

void add_machines(const config::PlanConfig& config, sim::Plan& plan) {
  for (std::uint32_t kind = 0; kind < config.machines.size(); ++kind) {
    const config::PlanMachines& some = config.machines[kind];
    Random random(mix_seed(config.seed, kDrawSalt, kind));
    for (std::uint32_t i = 0; i < some.count; ++i) {
      sim::Plan::Machine machine;
      machine.kind = kind;
      if (some.stage != "auto") machine.stage = config::stage_of(some);
      machine.per_second = between(some.per_minute, some.per_minute_most, random) / 60;
      const double round_trip_ms = between(some.round_trip_ms, some.round_trip_ms_most, random);
      machine.line =
          sim::from_seconds(round_trip_ms / 1000 / 4);  // a quarter: one way, to the middle
      machine.bytes_per_second =
          to_bytes(between(some.mbit_per_s, some.mbit_per_s_most, random) / 8);
      machine.dies_every = sim::from_seconds(3600 * some.dies_every_h);
      machine.away = sim::from_seconds(60 * some.away_min);
      plan.machines.push_back(machine);
    }
  }
}

sim::SwarmFault::Kind kind_of(const std::string& what) {
  using Kind = sim::SwarmFault::Kind;
  if (what == "freeze") return Kind::kFreeze;
  if (what == "slow") return Kind::kSlow;
  return what == "leave" ? Kind::kLeave : Kind::kKill;
}

void add_events(const config::PlanConfig& config, sim::Plan& plan) {
  for (const config::PlanEvent& one : config.events) {
    sim::Plan::Event event;
    event.what = kind_of(one.what);
    event.at = sim::from_seconds(one.at_s);
    event.lasts = sim::from_seconds(one.lasts_s);
    event.factor = one.factor;
    event.count = one.count;
    for (std::uint32_t kind = 0; kind < config.machines.size() && !one.machines.empty(); ++kind) {
      if (!event.kind && config.machines[kind].name == one.machines) event.kind = kind;
    }
    plan.events.push_back(event);
  }
}

sim::Plan to_plan(const config::PlanConfig& config) {
  sim::Plan plan;
  plan.stages = config.stages;
  plan.lasts = sim::from_seconds(60 * config.minutes);
  plan.seed = config.seed;
  plan.tokens = config.microbatch.tokens;
  plan.activation_bytes = to_bytes(config.microbatch.activation_mb);
  plan.stage_bytes = to_bytes(config.stage_mb);
  plan.window = config.window;
  plan.average_every = config.average_every;
  add_machines(config, plan);
  add_events(config, plan);
  return plan;
}

Result<> check_stages(const sim::Plan& plan) {
  std::vector<std::uint32_t> machines(plan.stages, 0);
  for (const std::uint32_t stage : sim::place(plan)) ++machines[stage];
  for (std::uint32_t stage = 0; stage < plan.stages; ++stage) {
    if (machines[stage] == 0)
      return make_error(ErrorCode::kBadInput,
                        fmt::format("stage {} has no machine: describe more of them", stage));
  }
  return {};
}

/// On a terminal, how far it is. Ctrl-C ends the program: there is nothing to save.
sim::Forecast run(const sim::Plan& plan, const SimulateFlags& flags) {
  using Clock = std::chrono::steady_clock;
  std::optional<Screen> screen;
  if (Screen::is_available() && !flags.traces) screen.emplace();
  catch_interrupts();
  const auto began = Clock::now();
  auto shown = began;
  sim::ForecastOptions options;
  options.is_checked = flags.is_checked;
  options.trace = flags.traces ? stdout : nullptr;
  options.on_progress = [&](double done) {
    if (interrupts() > 0) {
      if (screen) Screen::restore();
      std::_Exit(static_cast<int>(Exit::kInterrupted));
    }
    const auto now = Clock::now();
    if (!screen || now - shown < kRedraw) return;
    shown = now;
    const double passed_s = std::chrono::duration<double>(now - began).count();
    screen->draw({fmt::format("simulating {:.0f} %, {} to go", 100 * done,
                              in_words(done > 0 ? passed_s * (1 - done) / done : 0))});
  };
  auto forecast = sim::forecast(plan, options);
  if (screen) screen->draw({});
  return forecast;
}

Exit simulate(const SimulateFlags& flags) {
  auto config = config::load_plan(flags.plan);
  if (!config) return fail(Exit::kFailed, config.error());
  if (flags.seed) config->seed = *flags.seed;
  if (const auto taken = take_from_swarm(*config); !taken)
    return fail(Exit::kFailed, taken.error());
  Simulated simulated{*config, to_plan(*config), {}};
  if (const auto checked = check_stages(simulated.plan); !checked)
    return fail(Exit::kFailed, flags.plan + ": " + checked.error().message);
  simulated.forecast = run(simulated.plan, flags);
  if (!simulated.forecast.violation.empty()) {
    std::fputs(simulated.forecast.violation.c_str(), stderr);
    return fail(Exit::kFailed, "a rule of Brigade was broken: please report the lines above");
  }
  if (!flags.picture.empty()) {
    const auto written = write_file_atomically(flags.picture, forecast_picture(simulated));
    if (!written) return fail(Exit::kFailed, written.error());
  }
  if (flags.prints_json) {
    std::puts(forecast_json(simulated).dump().c_str());
    return Exit::kDone;
  }
  const std::size_t columns = Screen::is_available() ? Screen().style().columns : kPlainColumns;
  for (const std::string& line : forecast_lines(simulated, columns)) std::puts(line.c_str());
  if (!flags.picture.empty()) fmt::print("\npicture   {}\n", flags.picture);
  return Exit::kDone;
}

}  // namespace

void add_simulate(CLI::App& app, Chosen& chosen) {
  CLI::App* command =
      app.add_subcommand("simulate", "What a swarm of given machines and links would do");
  const auto flags = std::make_shared<SimulateFlags>();
  command->add_option("PLAN", flags->plan, "plan.toml: machines, links, and what happens to them")
      ->required();
  command->add_option("--picture", flags->picture, "write an SVG there: training over time")
      ->type_name("FILE");
  command->add_option("--seed", flags->seed, "of what is drawn, instead of the plan's")
      ->type_name("N");
  command->add_flag("--json", flags->prints_json, "one JSON object, the curve in it");
  command->add_flag("--check", flags->is_checked,
                    "watch every event by the simulator's rules also with over 500 machines");
  command->add_flag("--trace", flags->traces,
                    "before all else every event and action of every node, for developers");
  command->footer(
      "Runs the code of the daemon itself, in simulated time: routes, windows, averaging,\n"
      "deaths and what mends them. Nobody computes anything. The least plan:\n\n"
      "  stages = 4\n"
      "  [[machines]]\n"
      "  count = 12\n"
      "  per_minute = 8        # micro-batches that one of them computes\n"
      "  dies_every_h = 6\n\n"
      "All keys: docs/configuration.md. What is not modelled: docs/operations.md.\n\n"
      "Examples:\n"
      "  brigade simulate plan.toml --picture plan.svg\n"
      "  brigade simulate plan.toml --seed 2 --json");
  command->callback([flags, &chosen] { chosen = [flags] { return simulate(*flags); }; });
}

}  // namespace brigade::cli

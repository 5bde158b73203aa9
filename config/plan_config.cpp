#include "config/plan_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "config/table.hpp"
#include "config/toml_reader.hpp"

namespace brigade::config {
namespace {

using std::string_view;

constexpr std::array<string_view, 4> kEvents{"kill", "freeze", "slow", "leave"};
constexpr std::array<string_view, 1> kAuto{"auto"};
constexpr double kMostPerMinute = 600'000;
constexpr double kMostMs = 10'000;
constexpr double kMostMbit = 100'000;
constexpr double kMostMb = 1'000'000;
constexpr double kMostSeconds = 60.0 * kMaxPlanMinutes;
constexpr double kLeastPerMinute = 0.001;
constexpr double kLeastHours = 0.01;
constexpr double kLeastMbit = 0.01;
constexpr double kMostDeaths = 100'000;
constexpr Text kName{limits::kMaxNameBytes, "a name"};

const std::array kPlanOptions{
    OptionOf<PlanConfig>{{"swarm", "", Text{limits::kMaxPathBytes, "a path"},
                          "swarm.toml: stages and sizes come from it; empty: from here"},
                         [](PlanConfig& c) { return Field(&c.swarm); }},
    OptionOf<PlanConfig>{{"stages", "", Whole{0, kMaxPlanStages, "from swarm"},
                          "parts that the model is split into"},
                         [](PlanConfig& c) { return Field(&c.stages); }},
    OptionOf<PlanConfig>{{"minutes", "", Number{1, kMaxPlanMinutes}, "of simulated time"},
                         [](PlanConfig& c) { return Field(&c.minutes); }},
    OptionOf<PlanConfig>{{"seed", "", Whole{0, limits::kMaxSeed}, "of everything that is drawn"},
                         [](PlanConfig& c) { return Field(&c.seed); }},
    OptionOf<PlanConfig>{{"stage_mb", "", Number{0, kMostMb},
                          "weights and moments of a stage, which who begins copies first"},
                         [](PlanConfig& c) { return Field(&c.stage_mb); }},
    OptionOf<PlanConfig>{{"window", "", Whole{0, limits::kMaxWindow, "auto"},
                          "micro-batches in flight from each first stage"},
                         [](PlanConfig& c) { return Field(&c.window); }},
    OptionOf<PlanConfig>{{"average_every", "", Whole{0, limits::kMaxAccumulate, "off"},
                          "updates between two exchanges of weights with a replica"},
                         [](PlanConfig& c) { return Field(&c.average_every); }},
    OptionOf<PlanConfig>{
        {"microbatch.tokens", "", Whole{1, limits::kMaxBatch* limits::kMaxContext}, "of each"},
        [](PlanConfig& c) { return Field(&c.microbatch.tokens); }},
    OptionOf<PlanConfig>{{"microbatch.activation_mb", "", Number{0, kMostMb},
                          "sent on to the next stage, and back as the gradient"},
                         [](PlanConfig& c) { return Field(&c.microbatch.activation_mb); }},
};

const std::array kMachinesOptions{
    OptionOf<PlanMachines>{{"name", "", kName, "what the report calls them"},
                           [](PlanMachines& c) { return Field(&c.name); }},
    OptionOf<PlanMachines>{{"count", "", Whole{1, kMaxPlanMachines}, "how many"},
                           [](PlanMachines& c) { return Field(&c.count); }},
    OptionOf<PlanMachines>{
        {"stage", "", WordOrNumber{kAuto, {0, kMaxPlanStages - 1}}, "which part they host"},
        [](PlanMachines& c) { return Field(&c.stage); }},
    OptionOf<PlanMachines>{{"per_minute", "", Number{0, kMostPerMinute, true, "unset"},
                            "micro-batches that one computes at one stage"},
                           [](PlanMachines& c) { return Field(&c.per_minute); }},
    OptionOf<PlanMachines>{{"per_minute_most", "", Number{0, kMostPerMinute, true, "the same"},
                            "of the quickest: each draws between the two"},
                           [](PlanMachines& c) { return Field(&c.per_minute_most); }},
    OptionOf<PlanMachines>{{"round_trip_ms", "", Number{0, kMostMs},
                            "between two of them; with others the mean of both"},
                           [](PlanMachines& c) { return Field(&c.round_trip_ms); }},
    OptionOf<PlanMachines>{{"round_trip_ms_most", "", Number{0, kMostMs, true, "the same"},
                            "of the farthest: each draws between the two"},
                           [](PlanMachines& c) { return Field(&c.round_trip_ms_most); }},
    OptionOf<PlanMachines>{
        {"mbit_per_s", "", Number{0, kMostMbit, true, "no bound"}, "each way, on each link"},
        [](PlanMachines& c) { return Field(&c.mbit_per_s); }},
    OptionOf<PlanMachines>{{"mbit_per_s_most", "", Number{0, kMostMbit, true, "the same"},
                            "of the best line: each draws between the two"},
                           [](PlanMachines& c) { return Field(&c.mbit_per_s_most); }},
    OptionOf<PlanMachines>{{"dies_every_h", "", Number{0, 8760, true, "never"},
                            "hours from one death of a machine to its next, on average"},
                           [](PlanMachines& c) { return Field(&c.dies_every_h); }},
    OptionOf<PlanMachines>{
        {"away_min", "", Number{0, kMaxPlanMinutes}, "minutes until it is started again"},
        [](PlanMachines& c) { return Field(&c.away_min); }},
};

const std::array kEventOptions{
    OptionOf<PlanEvent>{{"at_s", "", Number{0, kMostSeconds}, "seconds from the start"},
                        [](PlanEvent& c) { return Field(&c.at_s); }},
    OptionOf<PlanEvent>{
        {"what", "", OneOf{kEvents}, "killed, stopped as by SIGSTOP, slower, or gone in good time"},
        [](PlanEvent& c) { return Field(&c.what); }},
    OptionOf<PlanEvent>{{"machines", "", kName, "which: a name of [[machines]]; empty: any"},
                        [](PlanEvent& c) { return Field(&c.machines); }},
    OptionOf<PlanEvent>{{"count", "", Whole{1, kMaxPlanMachines}, "how many, drawn"},
                        [](PlanEvent& c) { return Field(&c.count); }},
    OptionOf<PlanEvent>{
        {"lasts_s", "", Number{0, kMostSeconds, true, "for good"}, "seconds until it is over"},
        [](PlanEvent& c) { return Field(&c.lasts_s); }},
    OptionOf<PlanEvent>{{"factor", "", Number{1, 1000}, "of slow: times as long"},
                        [](PlanEvent& c) { return Field(&c.factor); }},
};

std::vector<Bound> table_of(PlanConfig& plan) {
  auto table = bind_table(plan_options(), plan);
  bind_list(plan_machines_options(), plan.machines, "machines", table);
  bind_list(plan_event_options(), plan.events, "events", table);
  return table;
}

Error bad(std::string message) {
  return make_error(ErrorCode::kBadInput, std::move(message));
}

/// `…_most` is left out, or not below what it is the most of.
Result<> check_range(std::size_t kind, std::string_view key, double least, double most) {
  if (most == 0 || most >= least) return {};
  return bad(fmt::format("machines[{}].{}_most is {}, below {}, which is {}", kind, key, most, key,
                         least));
}

Result<> check_kind(const PlanConfig& plan, std::size_t i) {
  const PlanMachines& one = plan.machines[i];
  const auto stage = one.stage == "auto" ? std::optional<std::uint32_t>(0) : stage_of(one);
  if (!stage || (plan.stages > 0 && *stage >= plan.stages))
    return bad(
        fmt::format("machines[{}].stage is {}: give \"auto\", or a number from 0", i, one.stage) +
        (plan.stages > 0 ? fmt::format(" to {}", plan.stages - 1) : std::string()));
  if (one.per_minute < kLeastPerMinute)
    return bad(fmt::format("machines[{}].per_minute is missing: micro-batches a minute, from {}", i,
                           kLeastPerMinute));
  if (one.dies_every_h > 0 && one.dies_every_h < kLeastHours)
    return bad(
        fmt::format("machines[{}].dies_every_h must be \"never\" or at least {}", i, kLeastHours));
  if (one.mbit_per_s > 0 && one.mbit_per_s < kLeastMbit)
    return bad(
        fmt::format("machines[{}].mbit_per_s must be \"no bound\" or at least {}", i, kLeastMbit));
  if (one.mbit_per_s == 0 && one.mbit_per_s_most > 0)
    return bad(fmt::format("machines[{}].mbit_per_s_most is beyond mbit_per_s = \"no bound\"", i));
  BRIGADE_TRY(check_range(i, "per_minute", one.per_minute, one.per_minute_most));
  BRIGADE_TRY(check_range(i, "round_trip_ms", one.round_trip_ms, one.round_trip_ms_most));
  return check_range(i, "mbit_per_s", one.mbit_per_s, one.mbit_per_s_most);
}

Result<> check_machines(const PlanConfig& plan) {
  if (plan.machines.empty()) return bad("machines are missing: describe some in [[machines]]");
  std::uint64_t count = 0;
  double deaths = 0;
  for (std::size_t i = 0; i < plan.machines.size(); ++i) {
    BRIGADE_TRY(check_kind(plan, i));
    const PlanMachines& one = plan.machines[i];
    count += one.count;
    if (one.dies_every_h > 0) deaths += one.count * plan.minutes / 60 / one.dies_every_h;
  }
  if (count > kMaxPlanMachines)
    return bad(
        fmt::format("machines are {}, at most {} can be simulated", count, kMaxPlanMachines));
  if (deaths > kMostDeaths)
    return bad(fmt::format("machines would die some {:.0f} times, at most {:.0f} can be simulated",
                           deaths, kMostDeaths));
  return {};
}

Result<> check_event(const PlanConfig& plan, std::size_t i) {
  const PlanEvent& event = plan.events[i];
  if (event.at_s >= 60 * plan.minutes)
    return bad(
        fmt::format("events[{}].at_s is after the end, which is at {} s", i, 60 * plan.minutes));
  if (event.machines.empty()) return {};
  const auto named = std::ranges::count(plan.machines, event.machines, &PlanMachines::name);
  if (named == 1) return {};
  return bad(fmt::format("events[{}].machines names \"{}\", which {} [[machines]]", i,
                         event.machines, named == 0 ? "are no" : "are several"));
}

}  // namespace

std::span<const OptionOf<PlanConfig>> plan_options() {
  return kPlanOptions;
}

std::span<const OptionOf<PlanMachines>> plan_machines_options() {
  return kMachinesOptions;
}

std::span<const OptionOf<PlanEvent>> plan_event_options() {
  return kEventOptions;
}

std::optional<std::uint32_t> stage_of(const PlanMachines& machines) {
  double number = 0;  // "1.0", as the table keeps numbers
  const char* const last = machines.stage.data() + machines.stage.size();
  const auto [end, error] = std::from_chars(machines.stage.data(), last, number);
  const auto stage = static_cast<std::uint32_t>(number);
  const bool is_stage = error == std::errc{} && end == last && number == stage;
  return is_stage ? std::optional(stage) : std::nullopt;
}

Result<> check(const PlanConfig& plan) {
  if (plan.stages == 0 && plan.swarm.empty())
    return bad("stages is missing: give a number, or swarm = \"swarm.toml\"");
  BRIGADE_TRY(check_machines(plan));
  for (std::size_t i = 0; i < plan.events.size(); ++i) BRIGADE_TRY(check_event(plan, i));
  return {};
}

Result<PlanConfig> parse_plan(const std::string& text, const std::string& origin) {
  BRIGADE_ASSIGN(const std::vector<Entry> entries, read_toml(text, origin));
  const std::size_t machines = count_tables(entries, "machines");
  const std::size_t events = count_tables(entries, "events");
  if (machines > kMaxPlanMachines || events > kMaxPlanEvents)
    return make_error(ErrorCode::kLimit,
                      fmt::format("{}: at most {} [[machines]] and {} [[events]]", origin,
                                  kMaxPlanMachines, kMaxPlanEvents));
  PlanConfig plan;
  plan.machines.resize(machines);
  plan.events.resize(events);
  BRIGADE_TRY(apply(entries, table_of(plan), origin));
  if (auto done = check(plan); !done) {
    const std::string& message = done.error().message;
    const Place place = place_of(entries, std::string_view(message).substr(0, message.find(' ')));
    return make_error(done.error().code, at(origin, place) + message);
  }
  return plan;
}

Result<PlanConfig> load_plan(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  BRIGADE_ASSIGN(PlanConfig plan, parse_plan(text, file.string()));
  if (!plan.swarm.empty()) plan.swarm = (file.parent_path() / plan.swarm).lexically_normal();
  return plan;
}

}  // namespace brigade::config

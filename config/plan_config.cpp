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
constexpr Text kName{limits::kMaxNameBytes, "a name"};

const std::array kPlanOptions{
    OptionOf<PlanConfig>{{"swarm", "", Text{limits::kMaxPathBytes, "a path"},
                          "swarm.toml: stages and sizes come from it; empty: from here"},
                         [](PlanConfig& c) { return Field(&c.swarm); }},
    OptionOf<PlanConfig>{{"stages", "", Whole{0, kMaxPlanStages, "from swarm"},
                          "parts that the model is split into"},
                         [](PlanConfig& c) { return Field(&c.stages); }},
    OptionOf<PlanConfig>{{"minutes", "", Number{0, kMaxPlanMinutes, false}, "of simulated time"},
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
    OptionOf<PlanMachines>{{"per_minute", "", Number{0, kMostPerMinute, false},
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

Result<> check_machines(const PlanConfig& plan) {
  if (plan.machines.empty()) return bad("machines are missing: describe some in [[machines]]");
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < plan.machines.size(); ++i) {
    const PlanMachines& one = plan.machines[i];
    count += one.count;
    if (one.per_minute <= 0)
      return bad(fmt::format("machines[{}].per_minute is missing: micro-batches a minute", i));
    const auto stage = one.stage == "auto" ? std::optional<std::uint32_t>(0) : stage_of(one);
    const bool is_there = stage && (plan.stages == 0 || *stage < plan.stages);
    if (!is_there)
      return bad(
          fmt::format("machines[{}].stage is {}: give \"auto\", or a number from 0", i, one.stage) +
          (plan.stages > 0 ? fmt::format(" to {}", plan.stages - 1) : std::string()));
  }
  if (count > kMaxPlanMachines)
    return bad(
        fmt::format("machines are {}, at most {} can be simulated", count, kMaxPlanMachines));
  return {};
}

Result<> check(const PlanConfig& plan) {
  if (plan.stages == 0 && plan.swarm.empty())
    return bad("stages is missing: give a number, or swarm = \"swarm.toml\"");
  BRIGADE_TRY(check_machines(plan));
  for (std::size_t i = 0; i < plan.events.size(); ++i) {
    const std::string& name = plan.events[i].machines;
    const bool is_known =
        name.empty() ||
        std::ranges::find(plan.machines, name, &PlanMachines::name) != plan.machines.end();
    if (!is_known)
      return bad(
          fmt::format("events[{}].machines names \"{}\", which no [[machines]] has", i, name));
  }
  return {};
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

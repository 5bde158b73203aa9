#include "cli/forecast_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/figures.hpp"
#include "cli/columns.hpp"
#include "cli/curve.hpp"

namespace brigade::cli {
namespace {

using Machines = std::vector<std::uint32_t>;

constexpr std::size_t kPlotRows = 6;
constexpr double kIdle = 0.9;  // below: what limits is not the computing
constexpr double kMinute = 60;

std::string percent(double part) {
  return fmt::format("{:.0f} %", 100 * part);
}

/// "3 laptops, 1 gaming"
std::string by_kind(const Simulated& simulated, const Machines& machines) {
  std::map<std::uint32_t, std::uint32_t> counts;
  for (const std::uint32_t machine : machines) ++counts[simulated.plan.machines[machine].kind];
  std::string text;
  for (const auto& [kind, count] : counts) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", count, simulated.config.machines[kind].name);
  }
  return text;
}

Machines machines_at(const Simulated& simulated, std::uint32_t stage) {
  Machines machines;
  for (std::uint32_t i = 0; i < simulated.plan.machines.size(); ++i) {
    if (simulated.forecast.stage_of[i] == stage) machines.push_back(i);
  }
  return machines;
}

void add_stages(const Simulated& simulated, std::vector<std::string>& lines) {
  std::vector<Row> rows = {{"stage", "machines", "possible", "busy", "staleness"}};
  const auto& stages = simulated.forecast.stages;
  for (std::uint32_t stage = 0; stage < stages.size(); ++stage) {
    rows.push_back({std::to_string(stage), by_kind(simulated, machines_at(simulated, stage)),
                    fmt::format("{:.1f} a minute", kMinute * stages[stage].possible),
                    percent(stages[stage].busy), fmt::format("{:.1f}", stages[stage].staleness)});
  }
  for (std::string& line : in_columns(rows)) lines.push_back(std::move(line));
}

/// What would make it faster.
std::string advice(const Simulated& simulated) {
  const sim::Forecast& forecast = simulated.forecast;
  const sim::Forecast::Stage& slowest = forecast.stages[forecast.slowest];
  if (slowest.busy < kIdle)
    return fmt::format(
        "no stage is busy all the time: links, deaths or the window hold it up (window = {})",
        simulated.plan.window == 0 ? "\"auto\"" : std::to_string(simulated.plan.window));
  double second = slowest.possible * 2;
  for (std::uint32_t stage = 0; stage < forecast.stages.size(); ++stage) {
    if (stage != forecast.slowest) second = std::min(second, forecast.stages[stage].possible);
  }
  const double one = slowest.possible / std::max(slowest.machines, 1U);
  const double gain = std::min(second, slowest.possible + one) / slowest.possible - 1;
  return gain < 0.01 ? "all stages are alike: one more machine at each of them"
                     : fmt::format("one more machine there: {} more", percent(gain));
}

std::string outcome_line(const Simulated& simulated, std::size_t index) {
  const sim::Forecast::Outcome& outcome = simulated.forecast.events[index];
  const double at_s = sim::to_seconds(simulated.plan.events[index].at);
  if (outcome.machines.empty()) return fmt::format("{}: nobody is there", as_clock(at_s));
  std::string line = fmt::format("{}  {}: {} of the power left", as_clock(at_s),
                                 event_name(simulated, index), percent(outcome.possible));
  if (outcome.before > 0 && !outcome.recovered_s) {
    line += ", not used as before within the time";
  } else if (outcome.recovered_s && *outcome.recovered_s > 0) {
    line += fmt::format(", used as before after {:.0f} s", *outcome.recovered_s);
  } else if (outcome.recovered_s) {
    line += ", used as before throughout";
  }
  return line + fmt::format("; stood still {:.0f} s", outcome.stood_still_s);
}

void add_plot(const Simulated& simulated, std::size_t columns, std::vector<std::string>& lines) {
  constexpr std::size_t kMargin = 12;
  Curve curve;
  curve.add(0);
  for (const auto& moment : simulated.forecast.moments)
    curve.add(moment.rate * simulated.plan.tokens);
  const Plot drawn = plot(curve, std::max<std::size_t>(columns, 40) - kMargin, kPlotRows);
  if (drawn.rows.empty()) return;
  lines.emplace_back();
  for (std::size_t row = 0; row < drawn.rows.size(); ++row) {
    std::string label;
    if (row == 0) label = with_commas(static_cast<std::uint64_t>(drawn.high));
    if (row + 1 == drawn.rows.size()) label = "tokens/s";
    lines.push_back(fmt::format("{:>{}} {}", label, kMargin - 2, drawn.rows[row]));
  }
}

}  // namespace

std::string event_name(const Simulated& simulated, std::size_t index) {
  const Machines& machines = simulated.forecast.events[index].machines;
  std::set<std::uint32_t> stages;
  for (const std::uint32_t machine : machines) stages.insert(simulated.forecast.stage_of[machine]);
  return fmt::format("{} {} (stage {})", simulated.config.events[index].what,
                     by_kind(simulated, machines), fmt::join(stages, ", "));
}

std::vector<std::string> forecast_lines(const Simulated& simulated, std::size_t columns) {
  const sim::Forecast& forecast = simulated.forecast;
  std::vector<std::string> lines;
  add_stages(simulated, lines);
  lines.emplace_back();
  lines.push_back(fmt::format(
      "trained   {} micro-batches in {}: {:.1f} a minute, {} tokens/s, {} of what is possible",
      with_commas(forecast.microbatches), in_words(sim::to_seconds(simulated.plan.lasts)),
      kMinute * forecast.rate,
      with_commas(static_cast<std::uint64_t>(forecast.rate * simulated.plan.tokens)),
      percent(forecast.possible > 0 ? forecast.rate / forecast.possible : 0)));
  lines.push_back(fmt::format("slowest   stage {}; {}", forecast.slowest, advice(simulated)));
  lines.push_back(fmt::format(
      "deaths    {}; {} micro-batches applied by who died, {} written off (applied twice, perhaps)",
      with_commas(forecast.deaths), with_commas(forecast.died), with_commas(forecast.written_off)));
  for (std::size_t i = 0; i < forecast.events.size(); ++i)
    lines.push_back(outcome_line(simulated, i));
  add_plot(simulated, columns, lines);
  return lines;
}

Json forecast_json(const Simulated& simulated) {
  const sim::Forecast& forecast = simulated.forecast;
  Json json;
  json["seconds"] = sim::to_seconds(simulated.plan.lasts);
  json["microbatches"] = forecast.microbatches;
  json["microbatches_per_s"] = forecast.rate;
  json["tokens_per_s"] = forecast.rate * simulated.plan.tokens;
  json["possible_per_s"] = forecast.possible;
  json["slowest_stage"] = forecast.slowest;
  json["deaths"] = forecast.deaths;
  json["applied_by_dead"] = forecast.died;
  json["written_off"] = forecast.written_off;
  json["machines"] = Json::array();
  for (std::uint32_t i = 0; i < simulated.plan.machines.size(); ++i) {
    json["machines"].push_back(
        {{"name", simulated.config.machines[simulated.plan.machines[i].kind].name},
         {"stage", forecast.stage_of[i]}});
  }
  json["stages"] = Json::array();
  for (const auto& stage : forecast.stages) {
    json["stages"].push_back({{"machines", stage.machines},
                              {"possible_per_s", stage.possible},
                              {"busy", stage.busy},
                              {"staleness_mean", stage.staleness}});
  }
  json["events"] = Json::array();
  for (std::size_t i = 0; i < forecast.events.size(); ++i) {
    const auto& outcome = forecast.events[i];
    json["events"].push_back(
        {{"at_s", simulated.config.events[i].at_s},
         {"what", simulated.config.events[i].what},
         {"machines", outcome.machines},
         {"before_per_s", outcome.before},
         {"possible", outcome.possible},
         {"recovered_s", outcome.recovered_s ? Json(*outcome.recovered_s) : Json(nullptr)},
         {"stood_still_s", outcome.stood_still_s}});
  }
  json["moments"] = Json::array();
  for (const auto& moment : forecast.moments) {
    json["moments"].push_back({{"at_s", moment.at_s},
                               {"microbatches_per_s", moment.rate},
                               {"possible_per_s", moment.possible}});
  }
  return json;
}

}  // namespace brigade::cli

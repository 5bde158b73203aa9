// What `brigade simulate` found, for people, for scripts and as a picture; pure.
#pragma once

#include <string>
#include <vector>

#include "cli/event_json.hpp"
#include "config/plan_config.hpp"
#include "sim/forecast.hpp"

namespace brigade::cli {

struct Simulated {
  config::PlanConfig config;
  sim::Plan plan;
  sim::Forecast forecast;
};

/// A table of the stages, then a line for each thing that matters. `columns`: of the terminal.
std::vector<std::string> forecast_lines(const Simulated& simulated, std::size_t columns);
Json forecast_json(const Simulated& simulated);
/// An SVG: what was trained beside what was possible, over time, with the events; how busy each
/// stage was.
std::string forecast_picture(const Simulated& simulated);

/// "kill 3 laptops (stage 1)": what happens in event `index`.
std::string event_name(const Simulated& simulated, std::size_t index);

}  // namespace brigade::cli

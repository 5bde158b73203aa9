#include "cli/forecast_report.hpp"

#include <fmt/format.h>

#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

Simulated two_stages() {
  Simulated simulated;
  simulated.config.machines.resize(1);
  simulated.config.machines[0].name = "laptops";
  simulated.config.events.resize(1);
  simulated.config.events[0].at_s = 60;
  simulated.plan.stages = 2;
  simulated.plan.lasts = std::chrono::minutes{2};
  simulated.plan.tokens = 1000;
  simulated.plan.machines.resize(3);
  simulated.plan.events.resize(1);
  simulated.plan.events[0].at = std::chrono::minutes{1};
  sim::Forecast& forecast = simulated.forecast;
  forecast.stage_of = {0, 0, 1};
  forecast.stages = {{2, 2.0, 0.5, 3.0}, {1, 1.0, 0.97, 0.0}};
  forecast.slowest = 1;
  forecast.rate = 0.95;
  forecast.possible = 1;
  forecast.microbatches = 114;
  forecast.moments = {{0, 0, 1}, {60, 1, 1}, {120, 0.5, 0.5}};
  forecast.events.resize(1);
  forecast.events[0].machines = {2};
  forecast.events[0].before = 1;
  forecast.events[0].possible = 0.5;
  forecast.events[0].recovered_s = 4.0;
  return simulated;
}

std::string text_of(const Simulated& simulated) {
  return fmt::format("{}", fmt::join(forecast_lines(simulated, 80), "\n"));
}

}  // namespace

TEST_CASE("a forecast says what is trained, what limits it and what each event costs") {
  const std::string text = text_of(two_stages());
  INFO(text);
  CHECK(text.find("114 micro-batches in 2 min 00 s: 57.0 a minute, 950 tokens/s, 95 %") !=
        std::string::npos);
  CHECK(text.find("slowest   stage 1; one more machine there: 100 % more") != std::string::npos);
  CHECK(text.find(
            "1:00  kill 1 laptops (stage 1): 50 % of the power left, used as before after 4 s") !=
        std::string::npos);
}

TEST_CASE("where no stage is always busy, more machines are not the advice") {
  Simulated simulated = two_stages();
  simulated.forecast.stages[1].busy = 0.7;
  CHECK(text_of(simulated).find("links, deaths or the window hold it up") != std::string::npos);
}

TEST_CASE("a picture has both curves, a bar a stage, and no markup from names") {
  Simulated simulated = two_stages();
  simulated.config.machines[0].name = "<script>&";
  const std::string picture = forecast_picture(simulated);
  CHECK(picture.find("<script>") == std::string::npos);
  CHECK(picture.find("&lt;script>&amp;") != std::string::npos);
  CHECK(picture.find("stage 1") != std::string::npos);
  const auto first = picture.find("<polyline");
  REQUIRE(first != std::string::npos);
  CHECK(picture.find("<polyline", first + 1) != std::string::npos);
  CHECK(picture.find("nan") == std::string::npos);
}

}  // namespace brigade::cli

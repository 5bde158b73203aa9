// The picture of `brigade simulate`: SVG as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/figures.hpp"
#include "cli/forecast_report.hpp"

namespace brigade::cli {
namespace {

// In pixels: the curve's frame, then a bar for each stage below it.
constexpr double kLeft = 80;
constexpr double kTop = 50;
constexpr double kWidth = 860;
constexpr double kHeight = 240;
constexpr double kRight = 30;
constexpr double kBar = 18;
constexpr double kGap = 6;
constexpr double kBarsTop = kTop + kHeight + 70;
constexpr int kTicks = 5;

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string text_at(double x, double y, const std::string& text, const char* style = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, style, escaped(text));
}

/// 1, 2 or 5 times a power of ten, not below `least`.
double round_up(double least) {
  const double power = std::pow(10, std::floor(std::log10(std::max(least, 1e-9))));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10 * power;
}

class Picture {
 public:
  explicit Picture(const Simulated& simulated)
      : simulated_(simulated), seconds_(sim::to_seconds(simulated.plan.lasts)) {
    double most = 0;
    for (const auto& moment : simulated.forecast.moments)
      most = std::max({most, moment.rate, moment.possible});
    step_ = round_up(most * simulated.plan.tokens / kTicks);
    top_ = step_ * std::max(1.0, std::ceil(most * simulated.plan.tokens / step_));
  }

  std::string draw() {
    const auto stages = static_cast<double>(simulated_.forecast.stages.size());
    const double height = kBarsTop + stages * (kBar + kGap) + 20;
    const double width = kLeft + kWidth + kRight;
    svg_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n"
        "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"white\"/>\n",
        width, height);
    draw_title();
    draw_axes();
    draw_events();
    draw_curve("#b0b0b0", [](const auto& moment) { return moment.possible; });
    draw_curve("#1f6fb4", [](const auto& moment) { return moment.rate; });
    draw_stages();
    return svg_ + "</svg>\n";
  }

 private:
  double x_of(double at_s) const { return kLeft + kWidth * at_s / seconds_; }
  double y_of(double tokens_per_s) const { return kTop + kHeight * (1 - tokens_per_s / top_); }

  void draw_title() {
    const sim::Forecast& forecast = simulated_.forecast;
    svg_ += text_at(kLeft, 24,
                    fmt::format("{} machines, {} stages: {} tokens/s",
                                simulated_.plan.machines.size(), simulated_.plan.stages,
                                with_commas(static_cast<std::uint64_t>(forecast.rate *
                                                                       simulated_.plan.tokens))),
                    "font-size=\"16\" font-weight=\"bold\"");
    svg_ += text_at(kLeft + kWidth, 24, "trained", "text-anchor=\"end\" fill=\"#1f6fb4\"");
    svg_ += text_at(kLeft + kWidth - 60, 24, "possible", "text-anchor=\"end\" fill=\"#808080\"");
  }

  void draw_axes() {
    for (double value = 0; value <= top_ + step_ / 2; value += step_) {
      svg_ += fmt::format(
          "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#e4e4e4\"/>\n",
          kLeft, kLeft + kWidth, y_of(value), y_of(value));
      const std::string label = top_ < kTicks ? fmt::format("{:.1f}", value)
                                              : with_commas(static_cast<std::uint64_t>(value));
      svg_ += text_at(kLeft - 8, y_of(value) + 4, label, "text-anchor=\"end\" fill=\"#505050\"");
    }
    for (int i = 0; i <= kTicks; ++i) {
      const double at_s = seconds_ * i / kTicks;
      svg_ += text_at(x_of(at_s), kTop + kHeight + 18, as_clock(at_s),
                      "text-anchor=\"middle\" fill=\"#505050\"");
    }
    svg_ += text_at(kLeft - 8, kTop - 10, "tokens/s", "text-anchor=\"end\" fill=\"#505050\"");
  }

  void draw_events() {
    for (std::size_t i = 0; i < simulated_.forecast.events.size(); ++i) {
      const double x = x_of(sim::to_seconds(simulated_.plan.events[i].at));
      svg_ += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#c0392b\" "
          "stroke-dasharray=\"3 3\"/>\n",
          x, kTop, kTop + kHeight);
      svg_ += text_at(x + 4, kTop + 12 + 14 * static_cast<double>(i % 4), event_name(simulated_, i),
                      "fill=\"#c0392b\" font-size=\"11\"");
    }
  }

  template <class Value>
  void draw_curve(const char* colour, Value value) {
    std::string points;
    for (const auto& moment : simulated_.forecast.moments) {
      const double y = y_of(value(moment) * simulated_.plan.tokens);
      points += fmt::format("{:.1f},{:.1f} ", x_of(moment.at_s), y);
    }
    svg_ +=
        fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" points=\"{}\"/>\n",
                    colour, points);
  }

  void draw_stages() {
    svg_ += text_at(kLeft, kBarsTop - 12, "busy, of what the machines of a stage could compute",
                    "fill=\"#505050\"");
    const auto& stages = simulated_.forecast.stages;
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      const double y = kBarsTop + static_cast<double>(stage) * (kBar + kGap);
      const bool is_slowest = stage == simulated_.forecast.slowest;
      svg_ += text_at(kLeft - 8, y + kBar - 5, fmt::format("stage {}", stage),
                      "text-anchor=\"end\" fill=\"#505050\"");
      svg_ += fmt::format(
          "<rect x=\"{0}\" y=\"{1:.1f}\" width=\"{2}\" height=\"{3}\" fill=\"#f0f0f0\"/>\n"
          "<rect x=\"{0}\" y=\"{1:.1f}\" width=\"{4:.1f}\" height=\"{3}\" fill=\"{5}\"/>\n",
          kLeft, y, kWidth, kBar, kWidth * stages[stage].busy, is_slowest ? "#e08a2c" : "#1f6fb4");
      svg_ += text_at(
          kLeft + 6, y + kBar - 5,
          fmt::format("{:.0f} %   {} machines, {:.1f} micro-batches a minute, staleness {:.1f}{}",
                      100 * stages[stage].busy, stages[stage].machines, 60 * stages[stage].possible,
                      stages[stage].staleness, is_slowest ? "   (the slowest)" : ""),
          "fill=\"#101010\"");
    }
  }

  const Simulated& simulated_;
  double seconds_;
  double step_ = 1;  // tokens/s from line to line
  double top_ = 1;
  std::string svg_;
};

}  // namespace

std::string forecast_picture(const Simulated& simulated) {
  return Picture(simulated).draw();
}

}  // namespace brigade::cli

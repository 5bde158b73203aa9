#include "cli/live_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/figures.hpp"

namespace brigade::cli {

namespace {

constexpr std::size_t kCurveRows = 5;
constexpr std::size_t kCurveColumns = 64;  // wider shows no more of a loss
constexpr std::size_t kBusyCells = 8;

std::string bar(double ratio, std::size_t width, const Style& style) {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<std::size_t>(
      std::lround(std::clamp(ratio, 0.0, 1.0) * static_cast<double>(8 * width)));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += style.has_unicode ? "█" : "#";
  if (style.has_unicode) text += kEighths.at(eighths % 8);
  const std::size_t used = eighths / 8 + (style.has_unicode && eighths % 8 != 0 ? 1 : 0);
  for (std::size_t i = used; i < width; ++i) text += style.has_unicode ? "░" : ".";
  return text;
}

Line heading_line(const RunState& run, double t, const Style& style) {
  const RunHeading& heading = run.heading();
  const std::string_view dot = style.has_unicode ? " · " : " - ";
  Line line(style);
  line.add("brigade", Tint::kBold)
      .add(dot)
      .add(fmt::format("{} stage{}", heading.stages, heading.stages == 1 ? "" : "s"));
  line.add(dot).add(heading.method).add(dot);
  line.add(in_millions(heading.parameters) + " parameters");
  line.add(dot).add(fmt::format("seed {}", heading.seed), Tint::kDim);
  line.add(dot).add(as_clock(t), Tint::kDim);
  return line;
}

Line progress_line(const RunState& run, double t, const Style& style) {
  const std::uint64_t steps = run.heading().steps;
  const std::uint64_t position = run.step().position();
  Line line(style);
  if (steps > 0) {
    const double ratio = static_cast<double>(position) / static_cast<double>(steps);
    line.add(bar(ratio, std::clamp<std::size_t>(style.columns / 4, 8, 32), style), Tint::kGreen);
    line.add(fmt::format(" {:3.0f} %  ", std::floor(100 * ratio)), Tint::kBold);
    line.add(with_commas(position) + "/" + with_commas(steps));
  } else {
    line.add(with_commas(position) + " micro-batches");
  }
  if (!run.has_step()) return line;
  if (run.is_at_end()) return line.add("  final evaluation", Tint::kDim), line;
  line.add("  " + with_commas(static_cast<std::uint64_t>(run.tokens_per_s())) + " tokens/s");
  if (const auto left = run.seconds_left(t); left && *left > 0) {
    line.add("  " + in_words(*left) + " left", Tint::kDim);
  }
  return line;
}

Line loss_line(const RunState& run, const Style& style) {
  Line line(style);
  if (!run.has_step()) return line.add("loss: none yet", Tint::kDim), line;
  line.add("loss ").add(fmt::format("{:.3f}", run.mean_loss()), Tint::kBold);
  line.add(" nats a token", Tint::kDim);
  if (run.eval()) {
    line.add("   validation ").add(fmt::format("{:.3f}", run.eval()->loss()), Tint::kCyan);
    line.add(" at " + with_commas(run.eval()->position()), Tint::kDim);
  }
  line.add(fmt::format("   lr {:.2e}", run.step().learning_rate()), Tint::kDim);
  line.add(fmt::format("   in flight {}", run.step().in_flight()), Tint::kDim);
  return line;
}

void add_curve(const RunState& run, const Style& style, std::vector<std::string>& lines) {
  const std::size_t columns =
      std::min(kCurveColumns, style.columns - std::min<std::size_t>(style.columns, 10));
  if (!style.has_unicode || columns < 16) return;
  const Plot curve = plot(run.curve(), columns, kCurveRows);
  for (std::size_t row = 0; row < curve.rows.size(); ++row) {
    const bool is_edge = row == 0 || row + 1 == curve.rows.size();
    Line line(style);
    const double value = row == 0 ? curve.high : curve.low;
    line.add(is_edge ? fmt::format("{:6.2f} ┤", value) : "       │", Tint::kDim);
    line.add(curve.rows[row], Tint::kGreen);
    lines.push_back(line.text());
  }
}

// What a stage does right now, and why nothing where it does nothing.
std::string condition(const control::NodeStatus& node) {
  if (node.node().empty()) return "starting";
  if (!node.error().empty()) return node.phase() + ": " + node.error();
  const bool waits = node.phase() != "training" && node.phase() != "over";
  if (waits && !node.waiting_for().empty()) {
    return node.phase() + ": " + node.waiting_for();
  }
  return node.phase();
}

Line stage_heading(const Style& style) {
  Line line(style);
  line.add("stage", Tint::kDim).to_column(7).add("blocks", Tint::kDim);
  line.to_column(15).add("busy", Tint::kDim).to_column(30).add("staleness", Tint::kDim);
  line.to_column(42).add("ahead", Tint::kDim).to_column(49).add("in flight", Tint::kDim);
  line.to_column(59).add("memory", Tint::kDim).to_column(68).add("state", Tint::kDim);
  return line;
}

std::string blocks_text(const control::NodeStatus& node, bool has_unicode) {
  if (node.blocks() == 0) return "";
  if (node.blocks() == 1) return std::to_string(node.first_block());
  return fmt::format("{}{}{}", node.first_block(), has_unicode ? "–" : "-",
                     node.first_block() + node.blocks() - 1);
}

Line stage_line(std::size_t stage, const control::NodeStatus& node, const Style& style) {
  Line line(style);
  line.add(fmt::format("{:5}", stage), Tint::kBold);
  if (!node.node().empty()) {
    line.to_column(7).add(blocks_text(node, style.has_unicode));
    const Tint tint = node.busy_ratio() > 0.5 ? Tint::kGreen : Tint::kYellow;
    line.to_column(15).add(bar(node.busy_ratio(), kBusyCells, style), tint);
    line.add(fmt::format(" {:3.0f} %", 100 * node.busy_ratio()));
    line.to_column(30).add(fmt::format("{:.1f}", node.staleness_mean()));
    line.add(fmt::format(" max {:.0f}", node.staleness_max()), Tint::kDim);
    // Cosine of the look-ahead with where the weights went: 1 is a perfect guess.
    if (node.drift_norm() > 0) line.to_column(42).add(fmt::format("{:.2f}", node.drift_cosine()));
    line.to_column(49).add(fmt::format("{:5}", node.in_flight()));
    line.to_column(59).add(in_bytes(node.rss_bytes()));
  }
  const Tint tint = !node.error().empty()        ? Tint::kRed
                    : node.phase() == "training" ? Tint::kPlain
                                                 : Tint::kDim;
  line.to_column(68).add(condition(node), tint);
  return line;
}

}  // namespace

std::vector<std::string> render(const RunState& run, double t, const Style& style) {
  const std::size_t stages = run.nodes().size();
  const std::size_t room = style.rows > 1 ? style.rows - 1 : 1;
  std::vector<std::string> lines = {heading_line(run, t, style).text(),
                                    progress_line(run, t, style).text(),
                                    loss_line(run, style).text()};
  if (room >= lines.size() + kCurveRows + 1 + stages) add_curve(run, style, lines);
  if (lines.size() + 2 <= room) {
    lines.push_back(stage_heading(style).text());
    const std::size_t left = room - lines.size();
    const std::size_t shown = stages <= left ? stages : left - 1;
    for (std::size_t stage = 0; stage < shown; ++stage) {
      lines.push_back(stage_line(stage, run.nodes()[stage], style).text());
    }
    if (shown < stages) {
      lines.push_back(
          Line(style).add(fmt::format("  and {} more stages", stages - shown), Tint::kDim).text());
    }
  }
  lines.resize(std::min(lines.size(), room));
  return lines;
}

std::string plain_line(const RunState& run, double t) {
  if (!run.has_step()) {
    const auto& nodes = run.nodes();
    const auto up = std::count_if(nodes.begin(), nodes.end(),
                                  [](const auto& node) { return !node.node().empty(); });
    return fmt::format("{:>7}  {} of {} stages are up", as_clock(t), up, nodes.size());
  }
  std::string line =
      fmt::format("{:>7}  micro-batch {}", as_clock(t), with_commas(run.step().position()));
  if (run.heading().steps > 0) line += "/" + with_commas(run.heading().steps);
  line += fmt::format("  loss {:.3f}", run.mean_loss());
  if (run.eval()) {
    line += fmt::format("  validation {:.3f} at {}", run.eval()->loss(),
                        with_commas(run.eval()->position()));
  }
  if (run.is_at_end()) return line + "  final evaluation";
  line += fmt::format("  {} tokens/s  in flight {}",
                      with_commas(static_cast<std::uint64_t>(run.tokens_per_s())),
                      run.step().in_flight());
  if (const auto left = run.seconds_left(t); left && *left > 0)
    line += "  " + in_words(*left) + " left";
  return line;
}

}  // namespace brigade::cli

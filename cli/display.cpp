#include "cli/display.hpp"

#include <cstdio>

#include "cli/live_view.hpp"
#include "cli/screen.hpp"

namespace brigade::cli {

namespace {

constexpr double kFrameInterval = 0.2;      // seconds: smooth, and nothing to a CPU
constexpr double kPlainInterval = 5;        // seconds between two lines of a log
constexpr double kFirstPlainInterval = 1;   // until the first step: a start is waited for
constexpr double kFirstPlainSeconds = 0.5;  // of which the first half second says nothing

class LiveDisplay final : public Display {
 public:
  void note(const std::string& line) override { screen_.print(line); }
  void refresh(const RunState& run, double t) override {
    if (t < next_) return;
    next_ = t + kFrameInterval;
    finish(run, t);
  }
  void finish(const RunState& run, double t) override {
    screen_.draw(render(run, t, screen_.style()));
  }

 private:
  Screen screen_;
  double next_ = 0;
};

class PlainDisplay final : public Display {
 public:
  void note(const std::string& line) override {
    std::puts(line.c_str());
    std::fflush(stdout);
  }
  void refresh(const RunState& run, double t) override {
    if (t < next_) return;
    // The first seconds of a run say most: lines come denser until there is a step to show.
    next_ = t + (run.has_step() ? kPlainInterval : kFirstPlainInterval);
    if (run.has_step() || t > kFirstPlainSeconds) print(plain_line(run, t));
  }
  void finish(const RunState& run, double t) override {
    if (run.has_step()) print(plain_line(run, t));
  }

 private:
  void print(const std::string& line) {
    if (line.substr(line.find_first_not_of(" 0123456789:")) != last_) note(line);
    last_ = line.substr(line.find_first_not_of(" 0123456789:"));
  }

  double next_ = 0;
  std::string last_;  // without its time: nothing new is not said again
};

class SilentDisplay final : public Display {
 public:
  void note(const std::string&) override {}
  void refresh(const RunState&, double) override {}
  void finish(const RunState&, double) override {}
};

}  // namespace

std::unique_ptr<Display> make_display(DisplayKind kind) {
  if (kind == DisplayKind::kSilent) return std::make_unique<SilentDisplay>();
  if (Screen::is_available()) return std::make_unique<LiveDisplay>();
  return std::make_unique<PlainDisplay>();
}

}  // namespace brigade::cli

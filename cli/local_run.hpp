// A local run from the start of its daemons to their end: events into state, log and display;
// deaths, Ctrl-C and the end of the run into a stop of what is left.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/daemons.hpp"
#include "cli/display.hpp"
#include "cli/event_json.hpp"
#include "cli/node_watch.hpp"
#include "cli/run_folder.hpp"
#include "cli/run_log.hpp"
#include "cli/run_state.hpp"

namespace brigade::cli {

/// Why the daemons were stopped.
struct Ending {
  enum class Kind { kFinished, kInterrupted, kDied, kBlocked };
  Kind kind = Kind::kFinished;
  std::string reason;               // one line, of kDied and kBlocked
  std::optional<DaemonExit> death;  // of kDied
  bool is_saved = true;             // the daemons that were left saved their state and ended
};

class LocalRun {
 public:
  using Clock = std::chrono::steady_clock;
  /// `start`: when the command began, the zero of every `t`.
  LocalRun(const RunFolder& folder, RunState& state, RunLog& log, Display& display,
           Clock::time_point start);

  /// Returns once no daemon runs any more.
  Ending run(Daemons& daemons);
  double seconds() const;

 private:
  void take_events();
  void on_event(const NodeEvent& event);
  bool is_start_noise(const std::string& warning) const;
  void log_nodes();
  std::optional<Ending> judge(Daemons& daemons);
  /// Asks all to drain and save; false if some had to be killed.
  bool stop(Daemons& daemons, std::chrono::milliseconds deadline, int interrupts_before);
  void note(std::uint32_t stage, const std::string& text);

  const RunFolder& folder_;
  RunState& state_;
  RunLog& log_;
  Display& display_;
  const Clock::time_point start_;
  NodeWatch watch_;
  std::string fault_;  // the first checkpoint that could not be stored
  double next_node_log_ = 0;
  bool is_stopping_ = false;
};

/// The totals for the last line of the log.
RunTotals totals_of(const RunState& state, double seconds);

}  // namespace brigade::cli

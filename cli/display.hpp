// What a person sees of a run while it goes on: redrawn in place on a terminal, a line every few
// seconds otherwise, nothing with --json.
#pragma once

#include <memory>
#include <string>

#include "cli/run_state.hpp"

namespace brigade::cli {

class Display {
 public:
  virtual ~Display() = default;
  /// One line that stays.
  virtual void note(const std::string& line) = 0;
  /// What is known now; called some times a second.
  virtual void refresh(const RunState& run, double t) = 0;
  /// The last state, and nothing after it.
  virtual void finish(const RunState& run, double t) = 0;
};

enum class DisplayKind { kAuto, kSilent };
std::unique_ptr<Display> make_display(DisplayKind kind);

}  // namespace brigade::cli

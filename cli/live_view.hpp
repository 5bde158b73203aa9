// The live view of a run as text: a pure function of what is known, the time and the terminal.
#pragma once

#include <string>
#include <vector>

#include "cli/run_state.hpp"
#include "cli/screen.hpp"

namespace brigade::cli {

/// Heading, progress bar, loss and curve, a table with one line a stage. Never more than
/// `style.rows` − 1 lines of `style.columns` cells: the curve goes first, then stages from the end.
std::vector<std::string> render(const RunState& run, double t, const Style& style);

/// The same in one line, for logs and pipes: printed every few seconds.
std::string plain_line(const RunState& run, double t);

}  // namespace brigade::cli

// What needs the mathematics runs in brigade-stage, a program on stage_runtime: `brigade` checks
// the flags, shows the help in no time, and becomes that program.
#pragma once

#include <string>
#include <vector>

#include "cli/exit.hpp"

namespace brigade::cli {

/// Replaces this process by `brigade-stage COMMAND arguments…`; returns only if that fails.
Exit become_stage_program(const std::string& command, const std::vector<std::string>& arguments);

}  // namespace brigade::cli

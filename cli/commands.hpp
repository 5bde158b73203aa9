// The commands of `brigade`, one file each. A command's add_…() describes it to the parser and sets
// `chosen` when the user has picked it; what it does runs only after all flags were parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/exit.hpp"

namespace brigade::cli {

using Chosen = std::function<Exit()>;

void add_local(CLI::App& app, Chosen& chosen);
void add_status(CLI::App& app, Chosen& chosen);
void add_data(CLI::App& app, Chosen& chosen);
void add_eval(CLI::App& app, Chosen& chosen);
void add_generate(CLI::App& app, Chosen& chosen);
void add_export(CLI::App& app, Chosen& chosen);

}  // namespace brigade::cli

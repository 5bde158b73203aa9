// The commands of `brigade`. A command's add_…() describes it to the parser and sets
// `chosen` when the user has picked it; what it does runs only after all flags were parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>

#include "cli/exit.hpp"

namespace brigade::cli {

using Chosen = std::function<Exit()>;

void add_local(CLI::App& app, Chosen& chosen);
void add_simulate(CLI::App& app, Chosen& chosen);
void add_status(CLI::App& app, Chosen& chosen);
void add_peers(CLI::App& app, Chosen& chosen);
void add_doctor(CLI::App& app, Chosen& chosen);
void add_drain(CLI::App& app, Chosen& chosen);
void add_resume(CLI::App& app, Chosen& chosen);
void add_leave(CLI::App& app, Chosen& chosen);
void add_swarm_create(CLI::App& swarm, Chosen& chosen);
void add_swarm_show(CLI::App& swarm, Chosen& chosen);
void add_swarm_revoke(CLI::App& swarm, Chosen& chosen);
void add_invite(CLI::App& app, Chosen& chosen);
void add_join(CLI::App& app, Chosen& chosen);
/// Returns the command, so that the flags of `brigade invite` can exclude it.
CLI::App* add_invite_show(CLI::App& invite, Chosen& chosen);
/// data prepare, eval, generate, export. `words`: the command line behind the program's name.
void add_stage_commands(CLI::App& app, Chosen& chosen, std::span<char*> words);

}  // namespace brigade::cli

// What the commands of brigade-stage share: exit codes of the contract, error lines.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "stage_runtime/commands/flags.hpp"
#include "stage_runtime/tools/run_model.hpp"

namespace brigade::stage {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kInterrupted = 130;

/// Runs after all flags were parsed; returns the exit code or the error to print.
using Chosen = std::function<Result<int>()>;

/// find_run_model(), its notes on stderr.
Result<RunModel> find_model(const ModelFlags& flags);

/// One line on stderr.
void print_error(const std::string& message);
void print_note(const std::string& message);

/// True once Ctrl-C or SIGTERM came; install() first.
void install_interrupts();
bool is_interrupted();

void add_eval(CLI::App& app, Chosen& chosen);
void add_generate(CLI::App& app, Chosen& chosen);
void add_export(CLI::App& app, Chosen& chosen);
void add_prepare(CLI::App& app, Chosen& chosen);
void add_scores(CLI::App& app, Chosen& chosen);

}  // namespace brigade::stage

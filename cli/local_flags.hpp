// The flags of `brigade local` at the parser; those of the option table in config/ come from there,
// so that swarm.toml, flags and help say the same.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/local_settings.hpp"

namespace brigade::cli {

/// `flags` is filled while the parser runs.
void add_local_flags(CLI::App& command, const std::shared_ptr<LocalFlags>& flags);

}  // namespace brigade::cli

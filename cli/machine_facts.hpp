// What this machine is, as far as a node cares.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "cli/node_facts.hpp"

namespace brigade::cli {

MachineFacts gather_machine_facts();

/// The process that holds `lock`, as brigaded holds that of its state folder. Read from the
/// kernel's list: to try the lock could make a daemon fail that starts at that moment.
std::optional<pid_t> holder_of(const std::filesystem::path& lock);

}  // namespace brigade::cli

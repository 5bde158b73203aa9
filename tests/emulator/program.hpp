// The command of a lab, in a process namespace of its own whose first process is ours: when that
// one ends, by itself or because the lab was killed in any way, the kernel ends everything in it.
// It sees its own /proc, and the lab's nodes under /run/netns, so that `ip netns exec NODE COMMAND`
// works there and nowhere else.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tests/emulator/netns.hpp"

namespace brigade::emulator {

struct ProgramOptions {
  std::vector<std::string> arguments;
  std::optional<std::size_t> node;  // in its network; else in the one that the lab was started in
  std::vector<std::string> environment;  // more of it: NAME=value
};

/// The process id of the namespace's first process. It exits as the command does, 128 + signal
/// where that was ended by one, 127 where it cannot be started. SIGTERM and SIGINT are passed on to
/// it.
Result<pid_t> start_program(const ProgramOptions& options, const std::vector<std::string>& names,
                            const std::vector<Namespace>& namespaces);

}  // namespace brigade::emulator

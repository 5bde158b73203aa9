// How every command ends: the exit codes of the contract, and one line on stderr for an error.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace brigade::cli {

enum class Exit : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,         // a flag is wrong or contradicts another one
  kInterrupted = 130  // Ctrl-C or SIGTERM; the state is saved
};

/// Prints "brigade: MESSAGE" on one line of stderr (line ends and what else would steer a terminal
/// become spaces) and returns `exit`, so that a command can end with `return fail(…)`.
Exit fail(Exit exit, std::string_view message);
inline Exit fail(Exit exit, const Error& error) {
  return fail(exit, error.message);
}

}  // namespace brigade::cli

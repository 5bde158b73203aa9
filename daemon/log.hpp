// The daemon's log: one line an event on stderr, words first, then key=value.
//
// Under systemd (stderr is the journal) a line starts with its priority and has no time of its own.
// Threading: log from any thread.
#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade::daemon {

/// `level`: trace, debug, info, warn or error.
Result<> start_log(const std::string& level);

/// "text" with quotes and control characters escaped: a value that may hold spaces or come from
/// a peer.
std::string in_quotes(std::string_view text);

}  // namespace brigade::daemon

// `brigade status` as text and as JSON; pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "brigade/control/v1/control.pb.h"
#include "cli/event_json.hpp"

namespace brigade::cli {

/// A heading, one line a node, and a line for each link that is down or node that is blocked.
/// Empty without nodes.
std::vector<std::string> status_table(std::span<const brigade::control::v1::NodeStatus> nodes);

/// Everything that a node says of itself: the keys of the log's `node` lines where they mean the
/// same, and more.
Json status_json(const brigade::control::v1::NodeStatus& node);

}  // namespace brigade::cli

// `brigade peers` as text and as JSON; pure.
#pragma once

#include <string>
#include <vector>

#include "brigade/control/v1/control.pb.h"
#include "cli/event_json.hpp"

namespace brigade::cli {

/// What `node` knows of each other node: a heading, a line a peer in the order of the line of
/// stages, and below it a line for each that is in trouble. One line says it where there is none.
std::vector<std::string> peers_table(const brigade::control::v1::NodeStatus& node);

/// The same, an object a peer; null: not known, or of a link that is not there.
std::vector<Json> peers_json(const brigade::control::v1::NodeStatus& node);

}  // namespace brigade::cli

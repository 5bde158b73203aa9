// Which nodes a command is about: how their control sockets are found.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "brigade/control/v1/control.pb.h"

namespace brigade::cli {

struct WhichNodes {  // at most one is given
  std::string out;   // of a local run
  std::string socket;
  std::string state;  // of a node
};

void add_which_nodes(CLI::App& command, WhichNodes& which);
/// For a command's help: what is taken without a flag.
std::string where_nodes_are();

/// Whether anybody listens or not. kNotFound: there are none.
Result<std::vector<std::string>> find_sockets(const WhichNodes& which);

struct FoundNode {
  std::string socket;
  brigade::control::v1::NodeStatus status;
};
/// The one node there that answers. kBadInput: several do.
Result<FoundNode> find_node(const WhichNodes& which);

/// On stderr, where nobody else trains its stage.
void warn_if_alone(const brigade::control::v1::NodeStatus& node);

}  // namespace brigade::cli

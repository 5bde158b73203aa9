// Which nodes a command asks: the control sockets that its flags name, or those of this machine.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::cli {

struct SocketFlags {
  std::string out;     // the folder of a local run: all its nodes
  std::string socket;  // the node behind this one
};

/// --out DIR or --socket PATH; `flags` must outlive the parsing.
void add_socket_flags(CLI::App& command, SocketFlags& flags);
/// What a command without either flag asks, in words for its help.
std::string socket_order();
/// Without a flag: the service of this machine, else the nodes that joined, else the run in
/// brigade-out. Whether anybody listens there is not asked. kNotFound: there is none.
Result<std::vector<std::string>> find_sockets(const SocketFlags& flags);

}  // namespace brigade::cli

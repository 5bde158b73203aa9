// brigade status: what nodes do right now, asked over their control sockets.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/find_nodes.hpp"
#include "cli/node_watch.hpp"
#include "cli/status_table.hpp"

namespace brigade::cli {

namespace {

constexpr std::chrono::milliseconds kTimeout{2'000};

struct StatusFlags {
  WhichNodes which;
  bool prints_json = false;
  bool is_quiet = false;
};

Exit show(const StatusFlags& flags) {
  const auto sockets = find_sockets(flags.which);
  if (!sockets) return fail(Exit::kFailed, sockets.error());
  std::vector<brigade::control::v1::NodeStatus> nodes;
  std::vector<std::string> faults;
  for (const std::string& socket : *sockets) {
    auto node = get_status(socket, kTimeout);
    if (!node) {
      faults.push_back(node.error().message);
    } else {
      nodes.push_back(std::move(*node));
      if (nodes.back().phase() == "blocked") {
        faults.push_back(fmt::format("{}: stage {} is blocked: {}", socket, nodes.back().stage(),
                                     nodes.back().error()));
      }
    }
  }
  if (flags.prints_json) {
    for (const auto& node : nodes) std::puts(status_json(node).dump().c_str());
  } else if (!flags.is_quiet) {
    for (const std::string& line : status_table(nodes)) std::puts(line.c_str());
  }
  for (const std::string& fault : faults) fail(Exit::kFailed, fault);
  return faults.empty() ? Exit::kDone : Exit::kFailed;
}

}  // namespace

void add_status(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("status", "Show what nodes do right now");
  const auto flags = std::make_shared<StatusFlags>();
  add_which_nodes(*command, flags->which);
  command->add_flag("--json", flags->prints_json, "one JSON object a node");
  command->add_flag("--quiet", flags->is_quiet,
                    "nothing on stdout: only the exit code (health checks)");
  command->footer(where_nodes_are() +
                  " A node of a swarm with an owner\n"
                  "shows all members that it knows.\n"
                  "Exit code 1 if a node does not answer or is blocked.\n\n"
                  "Examples:\n"
                  "  brigade status\n"
                  "  brigade status --out brigade-out --json\n"
                  "  brigade status --socket /run/brigade/control.sock --quiet");
  command->callback([flags, &chosen] { chosen = [flags] { return show(*flags); }; });
}

}  // namespace brigade::cli

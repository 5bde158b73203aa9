// brigade peers: what nodes know of each other, asked over their control sockets.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/find_nodes.hpp"
#include "cli/node_watch.hpp"
#include "cli/peers_table.hpp"

namespace brigade::cli {

namespace {

constexpr std::chrono::milliseconds kTimeout{2'000};

struct PeersFlags {
  WhichNodes which;
  bool prints_json = false;
};

void print(const brigade::control::v1::NodeStatus& node, bool is_one_of_many) {
  if (is_one_of_many)
    fmt::print("node {} at stage {}/{}\n", node.node().substr(0, 8), node.stage(), node.stages());
  for (const std::string& line : peers_table(node)) std::puts(line.c_str());
  if (is_one_of_many) std::puts("");
}

Exit show(const PeersFlags& flags) {
  const auto sockets = find_sockets(flags.which);
  if (!sockets) return fail(Exit::kFailed, sockets.error());
  Exit exit = Exit::kDone;
  for (const std::string& socket : *sockets) {
    const auto node = get_status(socket, kTimeout);
    if (!node) {
      exit = fail(Exit::kFailed, node.error());
    } else if (flags.prints_json) {
      for (const Json& peer : peers_json(*node)) std::puts(peer.dump().c_str());
    } else {
      print(*node, sockets->size() > 1);
    }
  }
  return exit;
}

}  // namespace

void add_peers(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("peers", "Show what this node knows of the others");
  const auto flags = std::make_shared<PeersFlags>();
  add_which_nodes(*command, flags->which);
  command->add_flag("--json", flags->prints_json, "one JSON object a peer");
  command->footer(where_nodes_are() +
                  "\n\n"
                  "holds: micro-batches that this node gave it and that are not back; pace: what\n"
                  "one takes there, as it says. Both of replicas of the next stage alone.\n\n"
                  "Examples:\n"
                  "  brigade peers\n"
                  "  brigade peers --out brigade-out --json");
  command->callback([flags, &chosen] { chosen = [flags] { return show(*flags); }; });
}

}  // namespace brigade::cli

// brigade resume: a node that was drained works again.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "cli/find_nodes.hpp"
#include "cli/node_watch.hpp"

namespace brigade::cli {

namespace {

Exit resume(const WhichNodes& which) {
  const auto node = find_node(which);
  if (!node) return fail(Exit::kFailed, node.error());
  if (const auto asked = ask_to_resume(node->socket); !asked)
    return fail(Exit::kFailed, asked.error());
  fmt::print("node {} takes up stage {} again: brigade status shows how far it is\n",
             node->status.node().substr(0, 8), node->status.stage());
  return Exit::kDone;
}

}  // namespace

void add_resume(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("resume", "Have a drained node work again");
  const auto flags = std::make_shared<WhichNodes>();
  add_which_nodes(*command, *flags);
  command->footer(
      "As one that joins: if others have trained its stage meanwhile, it begins with a copy of\n"
      "their newest checkpoint, else with its own. Its links are made anew.\n" +
      where_nodes_are() +
      "\n\n"
      "Examples:\n"
      "  brigade resume\n"
      "  brigade resume --socket /run/brigade/control.sock");
  command->callback([flags, &chosen] { chosen = [flags] { return resume(*flags); }; });
}

}  // namespace brigade::cli

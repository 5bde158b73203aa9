// brigade drain: a node rests for a while, and stays a member of its swarm.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "cli/commands.hpp"
#include "cli/find_nodes.hpp"
#include "cli/interrupts.hpp"
#include "cli/node_watch.hpp"
#include "cli/status_table.hpp"

namespace brigade::cli {

namespace {

using brigade::control::v1::NodeStatus;

struct DrainFlags {
  WhichNodes which;
  bool is_no_wait = false;
  bool prints_json = false;
};

std::string progress_of(const NodeStatus& node, bool as_json) {
  if (as_json) {
    Json json;
    json["phase"] = node.phase();
    json["in_flight"] = node.in_flight();
    json["kept_gradients"] = node.kept_gradients();
    return json.dump();
  }
  return fmt::format("{}: in flight {}, gradients kept {}", node.phase(), node.in_flight(),
                     node.kept_gradients());
}

Exit drain(const DrainFlags& flags) {
  const auto node = find_node(flags.which);
  if (!node) return fail(Exit::kFailed, node.error());
  if (node->status.has_replica_status() && node->status.phase() != "drained")
    warn_if_alone(node->status);
  if (const auto asked = ask_to_drain(node->socket); !asked)
    return fail(Exit::kFailed, asked.error());
  if (flags.is_no_wait) return Exit::kDone;
  catch_interrupts();
  std::string told;
  std::string phase;
  const auto followed = follow_status(node->socket, [&](const NodeStatus& status) {
    phase = status.phase();
    const std::string line = progress_of(status, flags.prints_json);
    if (std::exchange(told, line) != line) std::puts(line.c_str());
    std::fflush(stdout);
    return phase != "drained" && interrupts() == 0;
  });
  if (!followed) return fail(Exit::kFailed, followed.error());
  if (phase == "drained") {
    if (!flags.prints_json)
      std::puts("It holds nothing and takes nothing, after a restart too: brigade resume");
    return Exit::kDone;
  }
  if (interrupts() == 0) return fail(Exit::kFailed, "the node ended before it was drained");
  return fail(Exit::kInterrupted, "it drains on without this display: see brigade status");
}

}  // namespace

void add_drain(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("drain", "Have a node rest: it takes no more work");
  const auto flags = std::make_shared<DrainFlags>();
  add_which_nodes(*command, flags->which);
  CLI::Option* wait = command->add_flag_callback(
      "--wait", [] {}, "show progress until it holds nothing: the default");
  command->add_flag("--no-wait", flags->is_no_wait, "end once it has begun")->excludes(wait);
  command->add_flag("--json", flags->prints_json, "progress as JSON, one object a line");
  command->footer(
      "It finishes what it holds and stores its weights; others go around it at once. It stays a\n"
      "member: it keeps its links, passes on for others, and gives copies of its checkpoints.\n"
      "Ctrl-C ends the display alone; the drain goes on. It lasts over restarts, until\n"
      "brigade resume.\n" +
      where_nodes_are() +
      "\n\n"
      "Examples:\n"
      "  brigade drain\n"
      "  brigade drain --state ~/.local/state/brigade/tiny-1a2b3c4d --json");
  command->callback([flags, &chosen] { chosen = [flags] { return drain(*flags); }; });
}

}  // namespace brigade::cli

// brigade leave: a node leaves its swarm for good, and says what becomes of what it has.
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

struct LeaveFlags {
  WhichNodes which;
  bool is_now = false;
  std::uint32_t patience_s = 60;
  bool prints_json = false;
};

void print(const NodeStatus& node, const std::string& line, bool as_json) {
  if (as_json) {
    Json json;
    json["phase"] = node.phase();
    json["in_flight"] = node.in_flight();
    json["step"] = line;
    std::puts(json.dump().c_str());
  } else {
    std::puts(line.c_str());
  }
  std::fflush(stdout);
}

Exit leave(const LeaveFlags& flags) {
  const auto node = find_node(flags.which);
  if (!node) return fail(Exit::kFailed, node.error());
  if (node->status.has_replica_status() && !flags.is_now) warn_if_alone(node->status);
  brigade::control::v1::LeaveRequest wish;
  wish.set_now(flags.is_now);
  wish.set_patience_ms(1000 * flags.patience_s);
  catch_interrupts();
  Result<> asked;
  bool has_asked = false;
  int told = 0;
  std::string phase;
  // Asked while it is watched already: with --now it is gone at once.
  const auto followed = follow_status(node->socket, [&](const NodeStatus& status) {
    if (!std::exchange(has_asked, true)) {
      asked = ask_to_leave(node->socket, wish);
      return asked.has_value();
    }
    phase = status.phase();
    for (; told < status.farewell_size(); ++told)
      print(status, status.farewell(told), flags.prints_json);
    return interrupts() == 0;
  });
  if (!asked) return fail(Exit::kFailed, asked.error());
  if (phase == "left") return Exit::kDone;
  if (interrupts() > 0)
    return fail(Exit::kInterrupted, "it leaves without this display: see its log");
  if (!followed) return fail(Exit::kFailed, followed.error());
  return fail(Exit::kFailed, "the node ended before it had left: see its log");
}

}  // namespace

void add_leave(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("leave", "Have a node leave its swarm for good");
  const auto flags = std::make_shared<LeaveFlags>();
  add_which_nodes(*command, flags->which);
  command->add_flag("--now", flags->is_now,
                    "wait for nobody: others get what it holds, and what it has trained since its "
                    "newest checkpoint is lost");
  command
      ->add_option("--patience", flags->patience_s,
                   "how long it finishes what it holds, and how long it then waits until somebody "
                   "has its last checkpoint (default: 60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86'400));
  command->add_flag("--json", flags->prints_json, "its steps as JSON, one object a line");
  command->footer(
      "It finishes what it holds, stores its weights, sees to it that somebody else has them,\n"
      "says goodbye and ends; nothing starts it again until brigade join does. Ctrl-C ends the\n"
      "display alone.\n" +
      where_nodes_are() +
      "\n\n"
      "Examples:\n"
      "  brigade leave\n"
      "  brigade leave --patience 600\n"
      "  brigade leave --now --state ~/.local/state/brigade/tiny-1a2b3c4d");
  command->callback([flags, &chosen] { chosen = [flags] { return leave(*flags); }; });
}

}  // namespace brigade::cli

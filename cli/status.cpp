// brigade status: what nodes do right now, asked over their control sockets.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/figures.hpp"
#include "cli/commands.hpp"
#include "cli/node_folder.hpp"
#include "cli/node_watch.hpp"
#include "cli/run_folder.hpp"
#include "cli/status_table.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kTimeout{2'000};
// Where the service's daemon listens, in this order: the runtime directory of the unit, its state
// directory.
constexpr const char* kServiceSockets[] = {"/run/brigade/control.sock",
                                           "/var/lib/brigade/control.sock"};

struct StatusFlags {
  std::string out;
  std::string socket;
  bool prints_json = false;
  bool is_quiet = false;
};

Result<std::vector<std::string>> sockets_of_run(const std::string& out) {
  const RunFolder folder{fs::path(out)};
  BRIGADE_ASSIGN(const config::SwarmConfig swarm, config::load_swarm_config(folder.swarm_file()));
  std::vector<std::string> sockets;
  for (std::uint32_t stage = 0; stage < swarm.stages; ++stage) {
    sockets.push_back(folder.control_socket(stage).string());
  }
  return sockets;
}

Result<std::vector<std::string>> find_sockets(const StatusFlags& flags) {
  std::error_code error;
  if (!flags.socket.empty()) return std::vector<std::string>{flags.socket};
  if (!flags.out.empty()) return sockets_of_run(flags.out);
  for (const char* socket : kServiceSockets) {
    if (fs::exists(socket, error)) return std::vector<std::string>{socket};
  }
  if (auto joined = node_sockets(); !joined.empty()) return joined;
  if (fs::exists("brigade-out/swarm.toml", error)) return sockets_of_run("brigade-out");
  return make_error(ErrorCode::kNotFound,
                    fmt::format("no node found: no service at {} or {}, none that joined in {}, no "
                                "run in brigade-out: give --out DIR or --socket PATH",
                                kServiceSockets[0], kServiceSockets[1], nodes_root().string()));
}

Exit show(const StatusFlags& flags) {
  const auto sockets = find_sockets(flags);
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
  command->add_option("--out", flags->out, "all nodes of the local run in DIR")->type_name("DIR");
  command->add_option("--socket", flags->socket, "the node behind this control socket")
      ->type_name("PATH")
      ->excludes("--out");
  command->add_flag("--json", flags->prints_json, "one JSON object a node");
  command->add_flag("--quiet", flags->is_quiet,
                    "nothing on stdout: only the exit code (health checks)");
  command->footer(fmt::format(
      "Without a flag: the service of this machine ({},\nthen {}), else the nodes that\n"
      "brigade join started, else the run in brigade-out. A node of a swarm with an owner\n"
      "shows all members that it knows.\n"
      "Exit code 1 if a node does not answer or is blocked.\n\n"
      "Examples:\n"
      "  brigade status\n"
      "  brigade status --out brigade-out --json\n"
      "  brigade status --socket /run/brigade/control.sock --quiet",
      kServiceSockets[0], kServiceSockets[1]));
  command->callback([flags, &chosen] { chosen = [flags] { return show(*flags); }; });
}

}  // namespace brigade::cli

#include "cli/find_nodes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "cli/node_folder.hpp"
#include "cli/node_watch.hpp"
#include "cli/run_folder.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;
namespace control = brigade::control::v1;

namespace {

constexpr std::chrono::milliseconds kTimeout{2'000};
// Where the service's daemon listens, in this order: the runtime directory of the unit, its state
// directory.
constexpr const char* kServiceSockets[] = {"/run/brigade/control.sock",
                                           "/var/lib/brigade/control.sock"};

Result<std::vector<std::string>> sockets_of_run(const std::string& out) {
  const RunFolder folder{fs::path(out)};
  BRIGADE_ASSIGN(const config::SwarmConfig swarm, config::load_swarm_config(folder.swarm_file()));
  std::vector<std::string> sockets;
  for (std::uint32_t stage = 0; stage < swarm.stages; ++stage) {
    sockets.push_back(folder.control_socket(stage).string());
  }
  return sockets;
}

}  // namespace

std::string where_nodes_are() {
  return fmt::format(
      "Without a flag: the service of this machine ({},\nthen {}), else the nodes that\n"
      "brigade join started, else the run in brigade-out.",
      kServiceSockets[0], kServiceSockets[1]);
}

void add_which_nodes(CLI::App& command, WhichNodes& which) {
  auto* out =
      command.add_option("--out", which.out, "all nodes of the local run in DIR")->type_name("DIR");
  auto* socket =
      command.add_option("--socket", which.socket, "the node behind this control socket")
          ->type_name("PATH")
          ->excludes(out);
  command.add_option("--state", which.state, "the node whose folder this is")
      ->type_name("DIR")
      ->excludes(out)
      ->excludes(socket);
}

Result<std::vector<std::string>> find_sockets(const WhichNodes& which) {
  std::error_code error;
  if (!which.socket.empty()) return std::vector<std::string>{which.socket};
  if (!which.state.empty()) return std::vector<std::string>{node_socket(which.state)};
  if (!which.out.empty()) return sockets_of_run(which.out);
  for (const char* socket : kServiceSockets) {
    if (fs::exists(socket, error)) return std::vector<std::string>{socket};
  }
  if (auto joined = node_sockets(); !joined.empty()) return joined;
  if (fs::exists("brigade-out/swarm.toml", error)) return sockets_of_run("brigade-out");
  return make_error(ErrorCode::kNotFound,
                    fmt::format("no node found: no service at {} or {}, none that joined in {}, no "
                                "run in brigade-out: give --out DIR, --state DIR or --socket PATH",
                                kServiceSockets[0], kServiceSockets[1], nodes_root().string()));
}

Result<FoundNode> find_node(const WhichNodes& which) {
  BRIGADE_ASSIGN(const std::vector<std::string> sockets, find_sockets(which));
  std::vector<FoundNode> found;
  Error fault = make_error(ErrorCode::kNotFound, "no node found");
  for (const std::string& socket : sockets) {
    auto status = get_status(socket, kTimeout);
    if (!status) {
      fault = status.error();
    } else {
      found.push_back({socket, std::move(*status)});
    }
  }
  if (found.empty()) return fault;
  const bool is_line = !found.front().status.has_replica_status();  // any of it says the same
  if (found.size() > 1 && !is_line)
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{} nodes run here: say which one with --state DIR or --socket "
                                  "PATH, such as {}",
                                  found.size(), found.front().socket));
  return std::move(found.front());
}

void warn_if_alone(const control::NodeStatus& node) {
  const bool has_others = std::ranges::any_of(node.members(), [&](const auto& member) {
    return !member.is_self() && member.has_stage() && member.stage() == node.stage() &&
           member.doing() == "serving" && member.standing() == "alive";
  });
  if (has_others) return;
  std::fflush(stdout);
  fmt::print(stderr,
             "warning: nobody else trains stage {}: the swarm stands still until another node "
             "takes it over\n",
             node.stage());
}

}  // namespace brigade::cli

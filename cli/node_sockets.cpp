#include "cli/node_sockets.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "cli/node_folder.hpp"
#include "cli/run_folder.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

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

void add_socket_flags(CLI::App& command, SocketFlags& flags) {
  command.add_option("--out", flags.out, "all nodes of the local run in DIR")->type_name("DIR");
  command.add_option("--socket", flags.socket, "the node behind this control socket")
      ->type_name("PATH")
      ->excludes("--out");
}

std::string socket_order() {
  return fmt::format(
      "Without a flag: the service of this machine ({},\nthen {}), else the nodes that\n"
      "brigade join started, else the run in brigade-out.",
      kServiceSockets[0], kServiceSockets[1]);
}

Result<std::vector<std::string>> find_sockets(const SocketFlags& flags) {
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

}  // namespace brigade::cli

#include "cli/node_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kShortId = 8;
constexpr const char* kNodeFile = "node.toml";
constexpr const char* kInviteFile = "invite";
constexpr const char* kSocket = "control.sock";

Error io_error(const fs::path& path, const std::error_code& error) {
  return make_error(ErrorCode::kIo, fmt::format("{}: cannot be made or changed: {}", path.string(),
                                                error.message()));
}

/// What is called `name` in the folders of this user's nodes.
std::vector<fs::path> in_each_node(const char* name) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(nodes_root(), error)) {
    std::error_code ignored;
    if (fs::exists(entry.path() / name, ignored)) found.push_back(entry.path() / name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<config::NodeConfig> present_settings(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return config::load_node_config(file);
  config::NodeConfig node;
  node.chooses_stage = true;
  return node;
}

/// The invite that the folder has is to the same swarm, if it has one.
Result<> check_same_swarm(const fs::path& folder, const trust::Invite& invite) {
  const auto line = read_file(folder / kInviteFile, limits::kMaxInviteBytes);
  if (!line) return {};
  const auto before = trust::read_invite(*line);
  if (!before || before->origin == invite.origin) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{}: is a node of another swarm, {}: give another --state",
                                folder.string(), before->swarm_name));
}

void apply(const JoinSettings& settings, config::NodeConfig& node) {
  if (settings.stage) {
    node.stage = *settings.stage;
    node.chooses_stage = false;
  }
  if (settings.listen) node.listen = *settings.listen;
  if (settings.announce) node.announce = *settings.announce;
  if (settings.device) node.device = *settings.device;
  if (settings.threads) node.threads = *settings.threads;
  if (settings.log) node.log = *settings.log;
  if (!settings.bootstrap.empty()) node.discovery.bootstrap = settings.bootstrap;
}

}  // namespace

fs::path nodes_root() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return fs::path(state) / "brigade";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return fs::path(home) / ".local/state/brigade";
  return "/var/lib/brigade";
}

fs::path node_folder(const trust::Invite& invite) {
  const std::string id = trust::to_hex(trust::id_of(invite.origin)).substr(0, kShortId);
  return nodes_root() / fmt::format("{}-{}", invite.swarm_name, id);
}

std::string node_socket(const fs::path& folder) {
  return (folder / kSocket).string();
}

std::vector<std::string> node_sockets() {
  std::vector<std::string> sockets;
  for (const fs::path& socket : in_each_node(kSocket)) sockets.push_back(socket.string());
  return sockets;
}

std::vector<fs::path> node_files() {
  return in_each_node(kNodeFile);
}

Result<config::NodeConfig> prepare_node(const fs::path& folder, const std::string& invite_line,
                                        const trust::Invite& invite, const JoinSettings& settings) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return io_error(folder, error);
  fs::permissions(folder, fs::perms::owner_all, error);  // it will hold a private key
  BRIGADE_TRY(check_same_swarm(folder, invite));
  BRIGADE_ASSIGN(config::NodeConfig node, present_settings(folder / kNodeFile));
  apply(settings, node);
  // Relative to the file, so that the folder can be moved.
  node.state_dir = ".";
  node.swarm.clear();
  node.identity.clear();
  node.control.clear();
  node.invite = kInviteFile;
  BRIGADE_TRY(config::check(node));
  BRIGADE_TRY(write_file_atomically(folder / kInviteFile, invite_line + "\n"));
  fs::permissions(folder / kInviteFile, fs::perms::owner_read | fs::perms::owner_write, error);
  BRIGADE_TRY(write_file_atomically(folder / kNodeFile, config::to_toml(node)));
  fs::remove(folder / kLeftFile, error);
  if (error) return io_error(folder / kLeftFile, error);
  return config::load_node_config(folder / kNodeFile);
}

}  // namespace brigade::cli

#include "cli/daemons.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <future>
#include <utility>

#include "base/file.hpp"
#include "base/ids.hpp"
#include "cli/ports.hpp"
#include "config/node_config.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kIdentityTimeout{120};

// Processes that share cores wait passively: OpenMP threads that spin would take the core that the
// neighbouring stage needs.
const std::array<const char*, 2> kEnvironment = {"OMP_WAIT_POLICY=passive", "GOMP_SPINCOUNT=0"};

// Everything of stage `stage`'s node.toml but its peers.
config::NodeConfig node_config(const RunFolder& folder, const DaemonOptions& options,
                               std::uint32_t stage) {
  config::NodeConfig node;
  node.swarm = "../swarm.toml";
  node.stage = stage;
  node.state_dir = ".";
  node.listen = "127.0.0.1:0";
  node.control = folder.control_socket(stage).string();
  node.device = options.device;
  node.threads = options.threads;
  node.link_delay_ms = options.link_delay_ms;
  return node;
}

Result<> write_node_file(const RunFolder& folder, const config::NodeConfig& node) {
  return write_file_atomically(folder.node_file(node.stage), config::to_toml(node));
}

// A folder for control sockets that nobody else can enter.
Result<> make_socket_folder(const fs::path& folder) {
  struct stat found {};
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno == EEXIST && ::lstat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
      found.st_uid == ::geteuid() && (found.st_mode & 077) == 0) {
    return {};
  }
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: cannot make a private folder for control sockets: remove it, "
                                "or give an --out with a shorter path",
                                folder.string()));
}

Result<> make_node_folder(const RunFolder& folder, std::uint32_t stage) {
  std::error_code error;
  fs::create_directories(folder.node(stage), error);
  if (error) {
    return make_error(ErrorCode::kIo, fmt::format("{}: cannot make the folder: {}",
                                                  folder.node(stage).string(), error.message()));
  }
  fs::permissions(folder.node(stage), fs::perms::owner_all, error);  // it holds a private key
  const fs::path socket = folder.control_socket(stage);
  if (socket.parent_path() != folder.node(stage)) {
    BRIGADE_TRY(make_socket_folder(socket.parent_path()));
  }
  fs::remove(socket, error);  // of a daemon that was killed
  return {};
}

// The node id of an identity that is made now if it is not there yet.
Result<std::string> node_id(const fs::path& program, const fs::path& node_file) {
  BRIGADE_ASSIGN(
      const Output output,
      run_program(program, {"--config", node_file.string(), "--show-id"}, kIdentityTimeout));
  std::string id = output.out;
  while (!id.empty() && id.back() == '\n') id.pop_back();
  NodeId parsed;
  if (output.status == 0 && from_hex(id, parsed)) return id;
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: brigaded --show-id {}: {}", node_file.string(),
                                describe_exit(output.status), output.last_error_line));
}

// All at once: each is a process that loads its libraries.
Result<std::vector<std::string>> node_ids(const fs::path& program, const RunFolder& folder,
                                          std::uint32_t stages) {
  std::vector<std::future<Result<std::string>>> asked;
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    asked.push_back(std::async(std::launch::async, node_id, program, folder.node_file(stage)));
  }
  std::vector<std::string> ids;
  for (auto& answer : asked) {
    BRIGADE_ASSIGN(std::string id, answer.get());
    ids.push_back(std::move(id));
  }
  return ids;
}

std::vector<std::string> arguments_of(const RunFolder& folder, const DaemonOptions& options,
                                      std::uint32_t stage) {
  std::vector<std::string> arguments = {"--config", folder.node_file(stage).string(), "--parent-fd",
                                        std::to_string(Child::kInheritedFd)};
  if (!options.resumes) return arguments;
  for (const fs::path& node : folder.node_folders()) {
    arguments.emplace_back("--resume-from");
    arguments.push_back(node.string());
  }
  return arguments;
}

// The last line of a log; what an earlier daemon wrote, before byte `from`, does not count.
std::string last_line_of(const fs::path& log, std::streamoff from) {
  constexpr std::streamoff kTail = 8192;
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (size <= from) return "";
  file.seekg(std::max(from, size - kTail));
  std::string line;
  std::string last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = std::exchange(line, {});
  }
  return last;
}

}  // namespace

std::string describe(const DaemonExit& exit) {
  return fmt::format("stage {}: its daemon (pid {}) {}{}{}", exit.stage, exit.pid,
                     describe_exit(exit.status),
                     exit.last_line.empty() ? "" : "; last line of its log: ", exit.last_line);
}

bool is_port_clash(const DaemonExit& exit) {
  return exit.status != 0 && exit.last_line.find("in use") != std::string::npos &&
         exit.last_line.find("127.0.0.1:") != std::string::npos;
}

Daemons::Daemons(Daemons&& other) noexcept
    : entries_(std::move(other.entries_)), pipe_(std::exchange(other.pipe_, -1)) {}

Daemons& Daemons::operator=(Daemons&& other) noexcept {
  std::swap(entries_, other.entries_);
  std::swap(pipe_, other.pipe_);
  return *this;
}

Daemons::~Daemons() {
  if (pipe_ >= 0) ::close(pipe_);
}

Result<Daemons> Daemons::start(const RunFolder& folder, const DaemonOptions& options) {
  BRIGADE_ASSIGN(const fs::path program, find_program("brigaded"));
  std::vector<config::NodeConfig> nodes;
  for (std::uint32_t stage = 0; stage < options.stages; ++stage) {
    BRIGADE_TRY(make_node_folder(folder, stage));
    nodes.push_back(node_config(folder, options, stage));
    BRIGADE_TRY(write_node_file(folder, nodes.back()));
  }
  BRIGADE_ASSIGN(const std::vector<std::string> ids, node_ids(program, folder, options.stages));
  BRIGADE_ASSIGN(const std::vector<std::uint16_t> ports, find_free_ports(options.stages));
  for (std::uint32_t stage = 0; stage < options.stages; ++stage) {
    config::NodeConfig& node = nodes[stage];
    node.listen = fmt::format("127.0.0.1:{}", ports[stage]);
    if (stage > 0) {
      node.peers.push_back(
          {ids[stage - 1], fmt::format("127.0.0.1:{}", ports[stage - 1]), stage - 1});
    }
    if (stage + 1 < options.stages) node.peers.push_back({ids[stage + 1], "", stage + 1});
    BRIGADE_TRY(write_node_file(folder, node));
  }

  std::array<int, 2> life{-1, -1};
  if (::pipe2(life.data(), O_CLOEXEC) != 0) {
    return make_error(ErrorCode::kIo, fmt::format("pipe: {}", std::strerror(errno)));
  }
  Daemons daemons;
  daemons.pipe_ = life[1];
  Result<> started;
  for (std::uint32_t stage = 0; stage < options.stages && started; ++stage) {
    Child::Options child{.program = program,
                         .arguments = arguments_of(folder, options, stage),
                         .log = folder.node_log(stage),
                         .environment = {kEnvironment.begin(), kEnvironment.end()},
                         .inherited_fd = life[0]};
    std::error_code no_log;
    const std::uintmax_t size = fs::file_size(child.log, no_log);
    auto one = Child::start(child);
    if (!one) {
      started = one.error();
    } else {
      const auto log_start = no_log ? 0 : static_cast<std::streamoff>(size);
      daemons.entries_.push_back({std::move(*one), child.log, log_start});
    }
  }
  ::close(life[0]);
  BRIGADE_TRY(started);
  return daemons;
}

std::optional<DaemonExit> Daemons::poll_exit() {
  for (std::uint32_t stage = 0; stage < entries_.size(); ++stage) {
    Entry& entry = entries_[stage];
    if (entry.has_ended) continue;
    const std::optional<int> status = entry.child.poll();
    if (!status) continue;
    entry.has_ended = true;
    return DaemonExit{stage, entry.child.pid(), *status, last_line_of(entry.log, entry.log_start)};
  }
  return std::nullopt;
}

std::uint32_t Daemons::running() const {
  std::uint32_t count = 0;
  for (const Entry& entry : entries_) count += entry.has_ended ? 0 : 1;
  return count;
}

void Daemons::signal(int number) {
  for (Entry& entry : entries_) entry.child.signal(number);
}

}  // namespace brigade::cli

#include "cli/node_facts.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <future>
#include <string_view>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "cli/machine_facts.hpp"
#include "cli/node_folder.hpp"
#include "cli/node_watch.hpp"
#include "cli/swarm_folder.hpp"
#include "trust/key_file.hpp"
#include "trust/token_files.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kStatusTimeout{2'000};
constexpr std::chrono::milliseconds kProbeTimeout{3'000};
constexpr std::size_t kMaxStageFileBytes = 64;
constexpr const char* kDrainedFile = "drained";  // by brigade drain
constexpr fs::perms kAnyPermission = fs::perms::all;

std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const auto size = at->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

FolderFacts gather_folder(const config::NodeConfig& node) {
  FolderFacts facts;
  facts.path = node.state_dir.has_filename() ? node.state_dir : node.state_dir.parent_path();
  struct stat status {};
  if (::stat(facts.path.c_str(), &status) == 0) {
    const passwd* owner = ::getpwuid(status.st_uid);
    facts.owner = owner == nullptr ? fmt::format("{}", status.st_uid) : owner->pw_name;
  }
  std::error_code error;
  facts.is_readable = ::access(facts.path.c_str(), R_OK | X_OK) == 0;
  const auto space = fs::space(facts.path, error);
  if (!error) facts.free_bytes = space.available;
  facts.holder = holder_of(facts.path / "lock");
  if (!facts.is_readable) return facts;
  facts.checkpoint_bytes = bytes_in(facts.path / "checkpoints") + bytes_in(facts.path / "keeps");
  facts.has_members = fs::exists(facts.path / "members", error);
  facts.has_left = fs::exists(facts.path / kLeftFile, error);
  facts.is_drained = fs::exists(facts.path / kDrainedFile, error);
  const auto key = fs::status(node.identity, error);
  if (!error && fs::exists(key))
    facts.key_mode = static_cast<std::uint32_t>(key.permissions() & kAnyPermission);
  return facts;
}

/// The one that was taken, where it was left to the swarm.
std::optional<std::uint32_t> stage_of(const config::NodeConfig& node) {
  if (!node.chooses_stage) return node.stage;
  const auto text = read_file(node.state_dir / "stage", kMaxStageFileBytes);
  std::uint32_t stage = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), stage).ec != std::errc())
    return std::nullopt;
  return stage;
}

void read_invite_file(const config::NodeConfig& node, SwarmFacts& facts) {
  const auto line = read_file(node.invite, limits::kMaxInviteBytes);
  if (!line) {
    facts.invite_error = line.error().message;
    return;
  }
  const auto invite = trust::read_invite(*line);
  if (invite) {
    facts.invite = *invite;
  } else {
    facts.invite_error = fmt::format("{}: {}", node.invite.string(), invite.error().message);
  }
}

/// What the owner has signed, if it is here already.
void read_description_file(const config::NodeConfig& node, SwarmFacts& facts) {
  std::error_code ignored;
  if (!fs::exists(node.swarm, ignored)) return;
  const auto description = load_description(node.swarm);
  const auto config = description ? config_of(*description, node.swarm)
                                  : Result<config::SwarmConfig>(description.error());
  if (!config) {
    facts.error = config.error().message;
    return;
  }
  facts.config = *config;
  facts.names_data = !description->data.empty();
  if (facts.names_data)
    facts.config->data.train = (node.state_dir / trust::kTokenFiles[0]).string();
}

void read_swarm_file(const config::NodeConfig& node, SwarmFacts& facts) {
  const auto config = config::load_swarm_config(node.swarm);
  if (config) {
    facts.config = *config;
  } else {
    facts.error = config.error().message;
  }
}

std::optional<StageNeeds> needs_of(const config::SwarmConfig& swarm,
                                   const std::optional<std::uint32_t>& stage) {
  const auto split = plan_split(swarm);
  if (!split) return std::nullopt;
  if (stage && *stage < split->size()) return needs_of_stage(swarm, *split, *stage);
  StageNeeds most;
  for (std::uint32_t one = 0; one < split->size(); ++one) {
    const StageNeeds needs = needs_of_stage(swarm, *split, one);
    if (needs.memory_bytes > most.memory_bytes) most = needs;
  }
  return most;
}

SwarmFacts gather_swarm(const config::NodeConfig& node) {
  SwarmFacts facts;
  facts.stage = stage_of(node);
  if (node.invite.empty()) {
    read_swarm_file(node, facts);
  } else {
    read_invite_file(node, facts);
    read_description_file(node, facts);
  }
  if (!facts.config) return facts;
  std::error_code ignored;
  const fs::path data = node.state_dir / facts.config->data.train;  // an absolute one stays
  facts.has_data = !facts.config->data.train.empty() && fs::exists(data, ignored);
  facts.needs = needs_of(*facts.config, facts.stage);
  return facts;
}

/// How this machine reaches what listens at `listen`; empty: any port, or none.
std::string own_address(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || listen.ends_with(":0")) return "";
  const std::string host = listen.substr(0, colon);
  const std::string port = listen.substr(colon);
  if (host == "0.0.0.0") return "127.0.0.1" + port;
  return host == "[::]" ? "[::1]" + port : listen;
}

/// All at once: those that do not answer take their time.
void probe_all(const std::vector<ProbedAddress*>& addresses) {
  std::vector<std::future<Probe>> probes;
  for (const ProbedAddress* one : addresses) {
    probes.push_back(std::async(std::launch::async, [address = one->address] {
      return address.empty() ? Probe::kNotTried : probe_tcp(address, kProbeTimeout);
    }));
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) addresses[i]->probe = probes[i].get();
}

void gather_reach(NodeFacts& facts) {
  std::vector<ProbedAddress*> probed = {&facts.own_port, &facts.announced};
  facts.own_port.address = own_address(facts.status ? facts.status->listen()
                                       : facts.node ? facts.node->listen
                                                    : "");
  if (facts.status && facts.node) facts.announced.address = facts.node->announce;
  if (!facts.status && facts.swarm.invite) {
    for (const trust::Contact& contact : facts.swarm.invite->contacts)
      facts.doors.push_back({contact.address});
    for (ProbedAddress& door : facts.doors) probed.push_back(&door);
  }
  probe_all(probed);
}

/// Who it is, and whether the owner has put it out.
void gather_identity(NodeFacts& facts) {
  const auto key = trust::load_key({facts.node->identity, "identity", ""});
  if (key && facts.id.empty()) facts.id = to_hex(trust::node_id_of(key->public_key()));
  const auto& invite = facts.swarm.invite;
  if (!invite) return;
  const auto known =
      trust::load_revocations(facts.node->state_dir / trust::kRevocationsFile, invite->origin);
  if (!known) return;  // its next start writes it anew
  const auto* entry = known->of(invite->id);
  if (key && entry == nullptr) entry = known->of(trust::node_id_of(key->public_key()));
  if (entry != nullptr) facts.swarm.revocation = entry->revocation;
}

void read_settings(NodeFacts& facts) {
  if (facts.node_file.empty()) return;
  auto node = config::load_node_config(facts.node_file);
  if (!node) {
    facts.settings_fault = ::access(facts.node_file.c_str(), R_OK) == 0 ? SettingsFault::kWrong
                           : errno == EACCES                            ? SettingsFault::kForbidden
                                                                        : SettingsFault::kMissing;
    facts.settings_error = node.error().message;
    return;
  }
  facts.node = std::move(*node);
  facts.folder = gather_folder(*facts.node);
  facts.swarm = gather_swarm(*facts.node);
  gather_identity(facts);
}

void gather_status(NodeFacts& facts) {
  facts.is_socket_forbidden = ::access(facts.socket.c_str(), W_OK) != 0 && errno == EACCES;
  auto status = get_status(facts.socket, kStatusTimeout);
  if (!status) return;
  facts.status = std::move(*status);
  facts.id = facts.status->node();
}

}  // namespace

NodeFacts gather_facts(const NodePlace& place) {
  NodeFacts facts;
  facts.machine = gather_machine_facts();
  facts.socket = place.socket;
  facts.node_file = place.node_file;
  const fs::path beside_socket = fs::path(place.socket).parent_path() / "node.toml";
  std::error_code ignored;
  if (facts.node_file.empty() && fs::exists(beside_socket, ignored))
    facts.node_file = beside_socket;
  read_settings(facts);
  if (facts.socket.empty() && facts.node) facts.socket = facts.node->control;
  if (!facts.socket.empty()) gather_status(facts);
  if (facts.node_file.empty() && facts.status) {
    facts.node_file = facts.status->node_file();
    read_settings(facts);
  }
  gather_reach(facts);
  return facts;
}

}  // namespace brigade::cli

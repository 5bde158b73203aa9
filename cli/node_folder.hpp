// The folder of one node that has joined a swarm: what `brigade join` writes and brigaded reads.
//
//   node.toml       this machine's part
//   invite          the line that it joined with, mode 0600
//   swarm.signed    the description, as soon as it is known
//   …               what the daemon keeps: identity, checkpoints, members, control socket
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/node_config.hpp"
#include "trust/invite.hpp"

namespace brigade::cli {

/// Of the service of this machine (deploy/systemd).
inline constexpr const char* kServiceNodeFile = "/etc/brigade/node.toml";
/// In the folder of a node that has left for good, until it joins again.
inline constexpr const char* kLeftFile = "left";

/// Where nodes of this user live: $XDG_STATE_HOME/brigade, else ~/.local/state/brigade.
std::filesystem::path nodes_root();
/// Of this swarm: its name, and the first digits of its id.
std::filesystem::path node_folder(const trust::Invite& invite);
/// Control socket of the node whose folder this is.
std::string node_socket(const std::filesystem::path& folder);
/// Control sockets of all nodes there, whether anybody listens or not.
std::vector<std::string> node_sockets();

/// The node.toml of each of them.
std::vector<std::filesystem::path> node_files();

/// What the user has said; absent: what is there, or the default.
struct JoinSettings {
  std::optional<std::uint32_t> stage;  // absent: where it is needed
  std::optional<std::string> listen;
  std::optional<std::string> announce;
  std::optional<std::string> device;
  std::optional<std::uint32_t> threads;
  std::optional<std::string> log;
  std::vector<std::string> bootstrap;  // of the DHT; empty: what is there
};

/// Writes node.toml and the invite; a folder that was made before keeps everything else, but that
/// it has left. kBadInput: it belongs to another swarm.
Result<config::NodeConfig> prepare_node(const std::filesystem::path& folder,
                                        const std::string& invite_line, const trust::Invite& invite,
                                        const JoinSettings& settings);

}  // namespace brigade::cli

// node.toml: one machine's part in a swarm. Its own table of options, as swarm.toml has one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/option.hpp"

namespace brigade::config {

inline constexpr std::uint32_t kMaxLinkDelayMs = 10'000;  // more than any network on Earth
inline constexpr std::size_t kMaxBootstrap = 16;

struct PeerConfig {
  std::string id;       // 64 hex digits: the pinned node id
  std::string address;  // host:port; empty: it dials us
  std::uint32_t stage = 0;
  bool operator==(const PeerConfig&) const = default;
};

struct NodeConfig {
  std::filesystem::path swarm;   // swarm.toml; with an invite: the signed description
  std::filesystem::path invite;  // of a swarm with an owner; empty: all peers are named here
  std::uint32_t stage = 0;
  bool chooses_stage = false;       // with an invite: where it is needed, instead of `stage`
  std::filesystem::path state_dir;  // identity, checkpoints, epoch, control socket
  std::filesystem::path identity;   // default: state_dir/identity.pem, made on first start, 0600
  std::string listen = "0.0.0.0:7070";  // port 0: any free one, told by the control service
  std::string announce;                 // host:port where others reach it; empty: they find out
  std::string control;                  // Unix socket; default: state_dir/control.sock
  std::string device = "auto";          // auto, cpu, cuda:N
  std::uint32_t threads = 1;            // compute threads; 0: all cores of this machine
  std::string log = "info";             // trace, debug, info, warn, error
  std::uint32_t link_delay_ms = 0;      // round trip added by a delay line in the daemon
  bool port_mapping = true;             // a router is asked to open the port that is listened on
  struct Discovery {
    bool dht = true;                     // with an invite: members are also found through a DHT
    std::vector<std::string> bootstrap;  // host:port of nodes of that DHT, beside members
    bool operator==(const Discovery&) const = default;
  } discovery;
  std::vector<PeerConfig> peers;
  bool operator==(const NodeConfig&) const = default;
};

/// Parses and checks; relative paths are resolved against the file's folder, and the two that have
/// a default in the state directory get it.
Result<NodeConfig> load_node_config(const std::filesystem::path& file);
/// The same from text, with paths as they stand there. Never reads other files.
Result<NodeConfig> parse_node_config(const std::string& text, const std::string& origin);
/// Every setting in its bounds, no peer twice. Errors start with the key.
Result<> check(const NodeConfig& config);
/// TOML in a fixed order, a comment a key. parse(to_toml(c)) == c.
std::string to_toml(const NodeConfig& config);

std::span<const OptionOf<NodeConfig>> node_options();
std::span<const OptionOf<PeerConfig>> peer_options();  // of each [[peers]]

/// "host:port", "[::1]:port"; the port is 0 … 65535.
bool is_address(std::string_view text);
/// "auto", "cpu" or "cuda:N".
bool is_device(std::string_view text);

}  // namespace brigade::config

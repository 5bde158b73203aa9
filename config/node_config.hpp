// node.toml: one machine's part in a swarm.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::config {

struct PeerConfig {
  std::string id;       // 64 hex digits: the pinned node id
  std::string address;  // host:port; empty: it dials us
  std::uint32_t stage = 0;
};

struct NodeConfig {
  std::filesystem::path swarm;  // swarm.toml
  std::uint32_t stage = 0;
  std::filesystem::path state_dir;  // identity, checkpoints, epoch, control socket
  std::filesystem::path
      identity;  // default: state_dir/identity.pem, made on first start, mode 0600
  std::string listen = "0.0.0.0:7070";  // port 0: any free one, told by the control service
  std::string control;                  // Unix socket; default: state_dir/control.sock
  std::string device = "auto";          // auto, cpu, cuda:N
  std::uint32_t threads = 1;            // compute threads; 0: all cores of this machine
  std::string log = "info";             // trace, debug, info, warn, error
  std::vector<PeerConfig> peers;
};

Result<NodeConfig> load_node_config(const std::filesystem::path& file);
Result<NodeConfig> parse_node_config(const std::string& text, const std::string& origin);
std::string to_toml(const NodeConfig& config);

}  // namespace brigade::config

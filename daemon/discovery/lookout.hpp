// Looks for members in the DHT before there is a swarm to ask: for who wants to come in and finds
// nobody at the addresses that it has.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "config/node_config.hpp"
#include "daemon/discovery/discovery.hpp"
#include "trust/invite.hpp"

namespace brigade::daemon {

class Lookout {
 public:
  /// The DHT is entered at the first find(): at `discovery.bootstrap`, at the nodes of the last run
  /// and at `addresses`, where members were once.
  Lookout(const config::NodeConfig& node, const trust::SwarmOrigin& origin, const NodeId& self,
          std::vector<std::string> addresses);
  ~Lookout();

  /// Whether there is anywhere to begin.
  bool can_look() const;
  /// Blocks until somebody is found, at most `limit`. Newest word first, one node once; each record
  /// checked as a notice board does. kUnavailable, kIo: why the DHT can't be used.
  Result<std::vector<trust::Contact>> find(std::chrono::milliseconds limit);

 private:
  Result<> enter();

  const config::NodeConfig& node_;
  const trust::SwarmOrigin origin_;
  const NodeId self_;
  const std::vector<std::string> addresses_;
  std::unique_ptr<Discovery> discovery_;
};

}  // namespace brigade::daemon

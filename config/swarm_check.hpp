// Settings that depend on each other.
#pragma once

#include <optional>
#include <string>

#include "config/swarm_config.hpp"

namespace brigade::config {

struct Fault {
  std::string key;      // the setting to point at
  std::string message;  // starts with it, says what to do
};

/// The first setting that does not go with the others; each alone is in its domain already.
std::optional<Fault> find_fault(const SwarmConfig& config);

}  // namespace brigade::config

// TOML as a flat list of settings with their places. The one source that includes toml++.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/option.hpp"

namespace brigade::config {

struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Entry {
  std::string key;  // "run.batch", "peers[1].stage"
  Value value;
  Place key_at;
  Place value_at;
};

/// Every leaf, and every empty table, in the order of the file. Errors read
/// "origin:line:column: what".
Result<std::vector<Entry>> read_toml(const std::string& text, const std::string& origin);

/// "swarm.toml:12:9: "
std::string at(const std::string& origin, Place place);

}  // namespace brigade::config

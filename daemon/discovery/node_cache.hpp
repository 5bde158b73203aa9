// The nodes of the DHT that answered last, kept in the state folder: where a node begins after a
// restart, whoever has left meanwhile. One HOST:PORT a line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::daemon {

std::filesystem::path dht_nodes_file(const std::filesystem::path& state_dir);

/// At most Discovery::kMostNodes; what is no address is left out, and a file that can't be read
/// holds none: the DHT is entered elsewhere then.
std::vector<std::string> read_dht_nodes(const std::filesystem::path& file);
/// Older ones stay where `nodes` is empty.
Result<> write_dht_nodes(const std::filesystem::path& file, const std::vector<std::string>& nodes);

}  // namespace brigade::daemon

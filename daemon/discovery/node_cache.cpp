#include "daemon/discovery/node_cache.hpp"

#include <sstream>

#include "base/file.hpp"
#include "base/host_port.hpp"
#include "base/limits.hpp"
#include "daemon/discovery/discovery.hpp"

namespace brigade::daemon {

namespace {

constexpr std::size_t kMostBytes = Discovery::kMostNodes * (limits::kMaxAddressBytes + 1);

bool is_sound(const std::string& address) {
  return address.size() <= limits::kMaxAddressBytes && is_host_port(address);
}

}  // namespace

std::filesystem::path dht_nodes_file(const std::filesystem::path& state_dir) {
  return state_dir / "dht_nodes";
}

std::vector<std::string> read_dht_nodes(const std::filesystem::path& file) {
  const auto text = read_file(file, kMostBytes);
  std::vector<std::string> nodes;
  if (text.has_error()) return nodes;
  std::istringstream lines(*text);
  for (std::string line; nodes.size() < Discovery::kMostNodes && std::getline(lines, line);)
    if (is_sound(line)) nodes.push_back(line);
  return nodes;
}

Result<> write_dht_nodes(const std::filesystem::path& file, const std::vector<std::string>& nodes) {
  std::string text;
  std::size_t count = 0;
  for (const std::string& node : nodes) {
    if (count == Discovery::kMostNodes) break;
    if (!is_sound(node)) continue;
    text += node + "\n";
    ++count;
  }
  if (text.empty()) return {};
  return write_file_atomically(file, text);
}

}  // namespace brigade::daemon

#include "config/node_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "base/file.hpp"
#include "base/host_port.hpp"
#include "base/ids.hpp"
#include "base/limits.hpp"
#include "config/table.hpp"
#include "config/toml_reader.hpp"

namespace brigade::config {
namespace {

using std::string_view;

constexpr std::array<string_view, 5> kLogLevels{"trace", "debug", "info", "warn", "error"};
constexpr std::size_t kIdDigits = 64;
constexpr std::uint32_t kMaxDevices = 1024;

std::optional<std::uint32_t> whole(string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_id(string_view text) {
  NodeId id;
  return from_hex(text, id);
}

bool is_address_or_empty(string_view text) {
  return text.empty() || is_address(text);
}

bool is_path(string_view text) {
  return !text.empty();
}

constexpr Text kPath{limits::kMaxPathBytes, "a path", is_path};
constexpr Text kDefaultPath{limits::kMaxPathBytes, "a path"};

const std::array kNodeOptions{
    OptionOf<NodeConfig>{{"swarm", "", kDefaultPath,
                          "swarm.toml; with an invite the description, kept in state_dir"},
                         [](NodeConfig& c) { return Field(&c.swarm); }},
    OptionOf<NodeConfig>{{"invite", "", kDefaultPath,
                          "file with the invite to a swarm; empty: a fixed list of peers"},
                         [](NodeConfig& c) { return Field(&c.invite); }},
    OptionOf<NodeConfig>{{"stage", "", Whole{0, limits::kMaxStages - 1},
                          "which part of the model this node holds, from 0"},
                         [](NodeConfig& c) { return Field(&c.stage); }},
    OptionOf<NodeConfig>{
        {"chooses_stage", "", Switch{}, "with an invite: the stage that needs a node, not `stage`"},
        [](NodeConfig& c) { return Field(&c.chooses_stage); }},
    OptionOf<NodeConfig>{
        {"state_dir", "", kPath, "folder of identity, checkpoints and control socket"},
        [](NodeConfig& c) { return Field(&c.state_dir); }},
    OptionOf<NodeConfig>{{"identity", "", kDefaultPath,
                          "private key, made on first start; empty: state_dir/identity.pem"},
                         [](NodeConfig& c) { return Field(&c.identity); }},
    OptionOf<NodeConfig>{{"listen", "", Text{limits::kMaxAddressBytes, "host:port", is_address},
                          "where peers dial this node; port 0: any free one"},
                         [](NodeConfig& c) { return Field(&c.listen); }},
    OptionOf<NodeConfig>{
        {"announce", "", Text{limits::kMaxAddressBytes, "host:port", is_address_or_empty},
         "where others reach this node for sure; empty: a member tries"},
        [](NodeConfig& c) { return Field(&c.announce); }},
    OptionOf<NodeConfig>{
        {"control", "", kDefaultPath, "Unix socket of the CLI; empty: state_dir/control.sock"},
        [](NodeConfig& c) { return Field(&c.control); }},
    OptionOf<NodeConfig>{
        {"device", "--device", Text{limits::kMaxNameBytes, "auto, cpu or cuda:N", is_device},
         "what computes: auto, cpu or cuda:N"},
        [](NodeConfig& c) { return Field(&c.device); }},
    OptionOf<NodeConfig>{
        {"threads", "--threads", Whole{0, limits::kMaxThreads}, "compute threads; 0: all cores"},
        [](NodeConfig& c) { return Field(&c.threads); }},
    OptionOf<NodeConfig>{{"log", "", OneOf{kLogLevels}, "least level that is logged"},
                         [](NodeConfig& c) { return Field(&c.log); }},
    OptionOf<NodeConfig>{{"link_delay_ms", "--link-delay", Whole{0, kMaxLinkDelayMs},
                          "round trip that a delay line adds to its links, half at each end"},
                         [](NodeConfig& c) { return Field(&c.link_delay_ms); }},
    OptionOf<NodeConfig>{
        {"port_mapping", "", Switch{}, "with an invite: asks the router to open this node's port"},
        [](NodeConfig& c) { return Field(&c.port_mapping); }},
    OptionOf<NodeConfig>{{"discovery.dht", "", Switch{},
                          "with an invite: finds members whose addresses have changed"},
                         [](NodeConfig& c) { return Field(&c.discovery.dht); }},
    OptionOf<NodeConfig>{
        {"discovery.bootstrap", "",
         TextList{{limits::kMaxAddressBytes, "host:port", is_address}, kMaxBootstrap},
         "nodes of the DHT to begin with, beside the members known"},
        [](NodeConfig& c) { return Field(&c.discovery.bootstrap); }},
};

const std::array kPeerOptions{
    OptionOf<PeerConfig>{{"id", "", Text{kIdDigits, "64 hexadecimal digits", is_id},
                          "its node id: no other key is accepted"},
                         [](PeerConfig& c) { return Field(&c.id); }},
    OptionOf<PeerConfig>{
        {"address", "", Text{limits::kMaxAddressBytes, "host:port", is_address_or_empty},
         "where to dial it; empty: it dials this node"},
        [](PeerConfig& c) { return Field(&c.address); }},
    OptionOf<PeerConfig>{
        {"stage", "", Whole{0, limits::kMaxStages - 1}, "which part of the model it holds"},
        [](PeerConfig& c) { return Field(&c.stage); }},
};

Result<> check_swarm(const NodeConfig& config) {
  if (config.swarm.empty() && config.invite.empty())
    return make_error(ErrorCode::kBadInput, "swarm is missing: name a swarm.toml, or an invite");
  if (!config.invite.empty() && !config.peers.empty())
    return make_error(ErrorCode::kBadInput,
                      "peers[0].id names a peer beside an invite: with an invite, peers are found");
  return {};
}

Result<> check_peer_count(std::size_t count) {
  if (count <= limits::kMaxLinks) return {};
  return make_error(ErrorCode::kLimit, fmt::format("peers are {}, at most {} can be linked", count,
                                                   limits::kMaxLinks));
}

std::vector<Bound> table_of(NodeConfig& config) {
  auto table = bind_table(node_options(), config);
  bind_list(peer_options(), config.peers, "peers", table);
  return table;
}

void resolve(const std::filesystem::path& folder, std::filesystem::path& path) {
  if (!path.empty()) path = (folder / path).lexically_normal();
}

}  // namespace

std::span<const OptionOf<NodeConfig>> node_options() {
  return kNodeOptions;
}

std::span<const OptionOf<PeerConfig>> peer_options() {
  return kPeerOptions;
}

bool is_address(std::string_view text) {
  return is_host_port(text);
}

bool is_device(std::string_view text) {
  if (text == "auto" || text == "cpu") return true;
  constexpr std::string_view kCuda = "cuda:";
  if (!text.starts_with(kCuda)) return false;
  const auto index = whole(text.substr(kCuda.size()));
  return index && *index < kMaxDevices;
}

Result<> check(const NodeConfig& config) {
  NodeConfig copy = config;
  BRIGADE_TRY(check_peer_count(copy.peers.size()));
  BRIGADE_TRY(recheck(table_of(copy)));
  BRIGADE_TRY(check_swarm(copy));
  std::set<std::string> ids;
  for (std::size_t index = 0; index < copy.peers.size(); ++index) {
    if (!ids.insert(copy.peers[index].id).second) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("peers[{}].id is that of an earlier peer", index));
    }
  }
  return {};
}

Result<NodeConfig> parse_node_config(const std::string& text, const std::string& origin) {
  BRIGADE_ASSIGN(const std::vector<Entry> entries, read_toml(text, origin));
  const std::size_t peers = count_tables(entries, "peers");
  if (auto done = check_peer_count(peers); !done) {
    return make_error(done.error().code, origin + ": " + done.error().message);
  }
  NodeConfig config;
  config.peers.resize(peers);
  BRIGADE_TRY(apply(entries, table_of(config), origin));
  if (auto done = check(config); !done) {
    const std::string& message = done.error().message;
    const Place place = place_of(entries, std::string_view(message).substr(0, message.find(' ')));
    return make_error(done.error().code, at(origin, place) + message);
  }
  return config;
}

Result<NodeConfig> load_node_config(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  BRIGADE_ASSIGN(NodeConfig config, parse_node_config(text, file.string()));
  const std::filesystem::path folder = file.parent_path();
  resolve(folder, config.swarm);
  resolve(folder, config.state_dir);
  resolve(folder, config.identity);
  resolve(folder, config.invite);
  if (config.swarm.empty()) config.swarm = config.state_dir / "swarm.signed";
  std::filesystem::path control = config.control;
  resolve(folder, control);
  if (config.identity.empty()) config.identity = config.state_dir / "identity.pem";
  if (control.empty()) control = config.state_dir / "control.sock";
  config.control = control.string();
  return config;
}

std::string to_toml(const NodeConfig& config) {
  NodeConfig copy = config;
  std::string text = to_toml(bind_table(node_options(), copy));
  for (PeerConfig& peer : copy.peers) {
    text += "\n[[peers]]\n" + to_toml(bind_table(peer_options(), peer));
  }
  return text;
}

}  // namespace brigade::config

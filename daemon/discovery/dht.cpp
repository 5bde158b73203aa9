// Discovery on OpenDHT. The one file that includes its headers: they take seconds to compile.
#include <opendht/dhtrunner.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <random>
#include <utility>

#include "daemon/address.hpp"
#include "daemon/discovery/discovery.hpp"

namespace brigade::daemon {

namespace {

// All swarms of Brigade are one DHT, and no other program's: "brig" in ASCII. A node of any swarm
// can help another one's without knowing what it holds.
constexpr dht::NetId kNetwork = 0x62726967;
// What others may leave with this node.
constexpr ssize_t kMostStoredBytes = 16 * 1024 * 1024;
constexpr ssize_t kMostStoredKeys = 16'384;
constexpr const char* kUserType = "brigade member v1";

using Addresses = std::vector<dht::SockAddr>;

/// As the system resolves the name: at once for a numeric address.
Addresses resolve(const std::string& address) {
  const auto parts = split_address(address);
  if (parts.has_error()) return {};
  return dht::SockAddr::resolve(parts->host, std::to_string(parts->port));
}

bool is_numeric(const std::string& host) {
  return host.find_first_not_of("0123456789.") == std::string::npos ||
         host.find(':') != std::string::npos;
}

template <class Export>  // OpenDHT 2 has the parts, 3 an address
std::string address_of(const Export& node) {
  if constexpr (requires { node.addr; }) {
    return dht::SockAddr(node.addr).toString();
  } else {
    return dht::SockAddr(node.ss, node.sslen).toString();
  }
}

class Dht final : public Discovery {
 public:
  explicit Dht(const DhtOptions& options)
      : key_(options.point.bytes.data(), options.point.bytes.size()),
        most_found_(options.most_found) {}

  ~Dht() override { runner_.join(); }

  Result<> start(const DhtOptions& options) {
    BRIGADE_ASSIGN(const HostPort listen, split_address(options.listen));
    auto started = run(listen);
    if (started.has_error() && listen.port != 0) started = run({listen.host, 0});
    if (started.has_error()) return started;
    for (const std::string& address : options.bootstrap) {
      const auto parts = split_address(address);
      if (parts.has_value()) runner_.bootstrap(parts->host, std::to_string(parts->port));
    }
    spdlog::info("dht udp_port={} bootstrap={}", port(), options.bootstrap.size());
    return {};
  }

  void add_nodes(const std::vector<std::string>& addresses) override {
    Addresses nodes;
    for (const std::string& address : addresses) {
      if (nodes.size() >= kMostNodes) break;
      const auto parts = split_address(address);
      // A name would have to be looked up, on whichever thread this is.
      if (parts.has_error() || parts->port == 0 || !is_numeric(parts->host)) continue;
      for (dht::SockAddr& one : resolve(address)) nodes.push_back(std::move(one));
    }
    if (!nodes.empty()) runner_.bootstrap(std::move(nodes));
  }

  void publish(const std::string& value) override {
    if (value.size() > kMaxValueBytes) return;
    if (last_ != dht::Value::INVALID_ID) runner_.cancelPut(key_, last_);
    // A put does not replace a value of the same id: a new one each time, and the old one expires.
    last_ = std::uniform_int_distribution<dht::Value::Id>(1)(random_);
    auto made = std::make_shared<dht::Value>(reinterpret_cast<const std::uint8_t*>(value.data()),
                                             value.size());
    made->id = last_;
    made->user_type = kUserType;
    runner_.put(key_, std::move(made), dht::DoneCallbackSimple([this](bool was_taken) {
                  ++(was_taken ? published_ : unpublished_);
                }));
  }

  void find(std::function<void(std::string value)> found) override {
    auto left = std::make_shared<std::size_t>(most_found_);
    runner_.get(key_,
                dht::GetCallback([this, left, found = std::move(found)](
                                     const std::vector<std::shared_ptr<dht::Value>>& values) {
                  for (const auto& value : values) {
                    const bool is_ours = value->data.size() <= kMaxValueBytes &&
                                         value->user_type == kUserType && *left > 0;
                    if (!is_ours) {
                      ++dropped_;
                      continue;
                    }
                    --*left;
                    ++found_;
                    found(std::string(value->data.begin(), value->data.end()));
                  }
                  return *left > 0;
                }),
                dht::DoneCallbackSimple());
  }

  std::vector<std::string> nodes() const override {
    std::vector<std::string> addresses;
    for (const dht::NodeExport& node : runner_.exportNodes()) {
      if (addresses.size() == kMostNodes) break;
      addresses.push_back(address_of(node));
    }
    return addresses;
  }

  DiscoveryStatus status() const override {
    const std::size_t nodes =
        runner_.getNodesStats(AF_INET).good_nodes + runner_.getNodesStats(AF_INET6).good_nodes;
    return {nodes, published_, unpublished_, found_, dropped_};
  }

 private:
  std::uint16_t port() const {
    return std::max(runner_.getBoundPort(AF_INET), runner_.getBoundPort(AF_INET6));
  }

  Result<> run(const HostPort& listen) {
    dht::DhtRunner::Config config;
    config.threaded = true;
    config.dht_config.node_config.network = kNetwork;
    config.dht_config.node_config.max_store_size = kMostStoredBytes;
    config.dht_config.node_config.max_store_keys = kMostStoredKeys;
    try {
      for (const dht::SockAddr& address : resolve(join_address(listen.host, listen.port)))
        (address.getFamily() == AF_INET6 ? config.bind6 : config.bind4) = address;
      const bool is_any6 = config.bind6 && config.bind6.isUnspecified();
      if (is_any6 && !config.bind4) config.bind4 = resolve(join_address("0.0.0.0", listen.port))[0];
      if (!config.bind4 && !config.bind6)
        return make_error(ErrorCode::kIo, fmt::format("{} has no address", listen.host));
      runner_.run(config, {});
    } catch (const std::exception& error) {
      return make_error(ErrorCode::kIo,
                        fmt::format("UDP port {} can't be used: {}", listen.port, error.what()));
    }
    return {};
  }

  const dht::InfoHash key_;
  const std::size_t most_found_;
  std::mt19937_64 random_{std::random_device{}()};
  dht::Value::Id last_ = dht::Value::INVALID_ID;  // published
  std::atomic<std::uint64_t> published_{0};
  std::atomic<std::uint64_t> unpublished_{0};
  std::atomic<std::uint64_t> found_{0};
  std::atomic<std::uint64_t> dropped_{0};
  dht::DhtRunner runner_;
};

}  // namespace

bool has_dht() {
  return true;
}

Result<std::unique_ptr<Discovery>> make_dht(const DhtOptions& options) {
  auto dht = std::make_unique<Dht>(options);
  BRIGADE_TRY(dht->start(options));
  return std::unique_ptr<Discovery>(std::move(dht));
}

}  // namespace brigade::daemon

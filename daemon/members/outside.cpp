// What this node does where no member is asked: it leaves word in the DHT and looks there, and has
// its router pass a port on.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/address.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/discovery/node_cache.hpp"
#include "daemon/members/members.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;

namespace {

bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host == "::1" || host == "localhost";
}

}  // namespace

Outside make_outside(const config::NodeConfig& node, const trust::SwarmOrigin& origin) {
  Outside outside;
  outside.dht_nodes = dht_nodes_file(node.state_dir);
  if (node.discovery.dht && has_dht()) {
    outside.make_discovery = [point = trust::meeting_point_of(origin),
                              bootstrap = node.discovery.bootstrap](const std::string& listen) {
      return make_dht({.point = point, .listen = listen, .bootstrap = bootstrap});
    };
  }
  if (node.port_mapping) {
    outside.make_gateways = [] {
      std::vector<std::unique_ptr<Gateway>> gateways;
      gateways.push_back(make_nat_pmp_gateway());
      gateways.push_back(make_upnp_gateway());
      return gateways;
    };
  }
  return outside;
}

void Members::go_outside(const std::string& listen_address) {
  start_notice_board(listen_address);
  const auto listen = split_address(listen_address);
  if (!setup_.outside.make_gateways) {
    mapping_status_ = "off: node.toml sets port_mapping = false";
  } else if (!setup_.announce.empty()) {
    mapping_status_ = "not asked for: node.toml says where this node is reached (announce)";
  } else if (listen.has_error() || port_ == 0 || is_loopback(listen->host)) {
    mapping_status_ = "not asked for: this node listens for its own machine alone";
  } else {
    mapping_status_ = "asked for";
    mapping_.emplace(port_, setup_.outside.make_gateways(), [this](const PortMappingNews& news) {
      asio::post(core_, [this, news] { on_mapping(news); });
    });
  }
}

void Members::start_notice_board(const std::string& listen_address) {
  if (!setup_.outside.make_discovery) return;
  auto discovery = setup_.outside.make_discovery(listen_address);
  if (discovery.has_error()) {
    spdlog::warn("members are not found through the DHT: {}", discovery.error().message);
    return;
  }
  board_.emplace(
      core_,
      NoticeBoard::Setup{
          .origin = setup_.entry.description.origin,
          .self = setup_.identity.id,
          .discovery = std::move(*discovery),
          .nodes_file = setup_.outside.dht_nodes,
          .look = [this] { return surroundings(); },
          .addresses = [this] { return addresses_of_members(); },
          .own_record = [this] { return notary_.bytes_of(membership_.status(core_now()).self); },
          .found = [this](const std::string& record) { learn({record}); },
          .aside = [this](std::function<void()> work) { asio::post(asker_, std::move(work)); }});
  board_->start();
}

NoticeBoard::Surroundings Members::surroundings() const {
  const auto self = membership_.status(core_now()).self;
  return {.is_alone = linked_.empty(),
          .own_addresses = self->can_be_dialled ? self->addresses : std::vector<std::string>(),
          .dialable = membership_.view().dialable_count()};
}

/// Each member runs a node of the DHT where it listens; whoever knows none tries the doors.
std::vector<std::string> Members::addresses_of_members() const {
  std::vector<std::string> addresses;
  for (const MemberInfo& member : list())
    if (!member.is_self && member.record->can_be_dialled)
      addresses.push_back(member.record->addresses.front());
  if (addresses.empty())
    for (const trust::Contact& door : setup_.entry.doors) addresses.push_back(door.address);
  return addresses;
}

void Members::on_mapping(const PortMappingNews& news) {
  if (has_left_) return;
  spdlog::info("port mapping {}", news.what);
  mapping_status_ = news.what;
  const auto port = news.mapped ? std::optional(news.mapped->external) : std::nullopt;
  if (std::exchange(mapped_port_, port) == port) return;
  tries_mapped_ = port.has_value();
  arm_reach_timer(Duration{0});  // a member tries whether it is true, or true no more
}

/// Where the next member that is asked may reach this node: what worked last, else in turns.
std::uint16_t Members::port_to_try() const {
  return mapped_port_ && tries_mapped_ ? *mapped_port_ : port_;
}

std::string Members::discovery_status() const {
  if (board_) return board_->status();
  return setup_.outside.make_discovery ? "the DHT can't be used: see the log" : "off";
}

}  // namespace brigade::daemon

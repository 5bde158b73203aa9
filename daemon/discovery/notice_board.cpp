#include "daemon/discovery/notice_board.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/discovery/node_cache.hpp"
#include "trust/invite.hpp"
#include "trust/sealed.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;

namespace {

constexpr Duration kTickEvery = std::chrono::seconds{1};
constexpr std::size_t kAddressesATurn = 8;

void keep(const std::filesystem::path& file, const std::vector<std::string>& nodes) {
  if (const auto kept = write_dht_nodes(file, nodes); kept.has_error())
    spdlog::warn("the DHT's nodes can't be kept: {}", kept.error().message);
}

}  // namespace

std::optional<FoundRecord> read_found(const trust::SwarmOrigin& origin, const std::string& value) {
  if (value.size() > Discovery::kMaxValueBytes) return std::nullopt;
  auto bytes = trust::unseal(origin, value);
  if (bytes.has_error()) return std::nullopt;
  auto record = trust::read_record(*bytes, trust::id_of(origin));
  if (record.has_error() || !record->can_be_dialled || record->addresses.empty())
    return std::nullopt;
  const auto invite = trust::read_invite_statement(record->invite);
  if (invite.has_error() || !(invite->origin == origin)) return std::nullopt;
  return FoundRecord{std::move(*record), std::move(*bytes)};
}

NoticeBoard::NoticeBoard(asio::io_context& core, Setup setup)
    : core_(core), setup_(std::move(setup)), timer_(core) {
  BRIGADE_CHECK(setup_.discovery != nullptr, "a notice board without a place");
}

NoticeBoard::~NoticeBoard() {
  stop();
}

void NoticeBoard::start() {
  setup_.discovery->add_nodes(read_dht_nodes(setup_.nodes_file));
  arm();
}

void NoticeBoard::arm() {
  timer_.expires_after(kTickEvery);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || !setup_.discovery) return;
    tick(core_now());
    arm();
  });
}

void NoticeBoard::tick(TimePoint now) {
  if (!setup_.discovery) return;
  const Surroundings around = setup_.look();
  tend_nodes(now);
  publish(now, around);
  look_for_others(now, around);
}

void NoticeBoard::tend_nodes(TimePoint now) {
  if (now < next_tending_) return;
  next_tending_ = now + kTendNodes;
  keep_nodes();
  if (setup_.discovery->status().nodes >= kFewNodes) return;
  const std::vector<std::string> addresses = setup_.addresses();
  std::vector<std::string> tried;
  for (std::size_t i = 0; i < std::min(kAddressesATurn, addresses.size()); ++i)
    tried.push_back(addresses[next_address_++ % addresses.size()]);
  setup_.discovery->add_nodes(tried);
}

void NoticeBoard::publish(TimePoint now, const Surroundings& around) {
  if (around.own_addresses.empty()) return;
  const auto share =
      static_cast<Duration::rep>(std::max<std::size_t>(around.dialable / kBoardRecords, 1));
  const bool has_moved = around.own_addresses != published_addresses_;
  const Duration pause = has_moved ? kPublishPause : kPublishEvery * share;
  if (published_at_ && now - *published_at_ < pause) return;
  const auto sealed = trust::seal(setup_.origin, setup_.own_record());
  if (sealed.has_error()) {
    spdlog::warn("this node's record is not left at the DHT: {}", sealed.error().message);
  } else {
    setup_.discovery->publish(*sealed);
  }
  published_at_ = now;
  published_addresses_ = around.own_addresses;
}

void NoticeBoard::look_for_others(TimePoint now, const Surroundings& around) {
  if (!around.is_alone) {
    const bool was_alone = alone_since_.has_value();
    alone_since_.reset();
    pause_ = kFirstPause;
    if (was_alone || !next_find_) next_find_ = now + kLookAround;
    if (now < *next_find_) return;
    next_find_ = now + kLookAround;
    return find("to see whether there are more");
  }
  if (!alone_since_) {
    alone_since_ = now;
    next_find_ = now + kAlone;
  }
  if (now < *next_find_) return;
  next_find_ = now + pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
  find("no member is linked");
}

void NoticeBoard::find(const char* reason) {
  spdlog::info("dht looks for members reason=\"{}\" nodes={}", reason,
               setup_.discovery->status().nodes);
  incarnations_.clear();
  setup_.discovery->find([this](std::string value) {
    asio::post(core_, [this, value = std::move(value)] { on_found(value); });
  });
}

void NoticeBoard::on_found(const std::string& value) {
  if (!setup_.discovery) return;
  const auto found = read_found(setup_.origin, value);
  if (!found) {
    ++refused_;
    return;
  }
  const NodeId node = trust::node_id_of(found->record.key);
  if (node == setup_.self) return;
  if (incarnations_.size() >= Discovery::kMostFound && !incarnations_.contains(node)) return;
  std::uint64_t& newest = incarnations_[node];
  if (found->record.incarnation <= newest) return;
  newest = found->record.incarnation;
  ++accepted_;
  spdlog::debug("dht found member={} address={}", to_short(node), found->record.addresses.front());
  setup_.found(found->bytes);
}

void NoticeBoard::keep_nodes() {
  std::vector<std::string> nodes = setup_.discovery->nodes();
  if (nodes == kept_nodes_) return;
  kept_nodes_ = std::move(nodes);
  setup_.aside([file = setup_.nodes_file, kept = kept_nodes_] { keep(file, kept); });
}

void NoticeBoard::stop() {
  timer_.cancel();
  if (!setup_.discovery) return;
  keep(setup_.nodes_file, setup_.discovery->nodes());
  setup_.discovery.reset();
}

std::string NoticeBoard::status() const {
  if (!setup_.discovery) return "off";
  const DiscoveryStatus now = setup_.discovery->status();
  return fmt::format(
      "{} nodes of the DHT, this node's record left there {} times, {} found, {} refused",
      now.nodes, now.published, accepted_, refused_ + now.dropped);
}

}  // namespace brigade::daemon

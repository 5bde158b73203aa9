#include "daemon/discovery/lookout.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "daemon/address.hpp"
#include "daemon/discovery/node_cache.hpp"
#include "daemon/discovery/notice_board.hpp"

namespace brigade::daemon {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds kLookAgain{1'500};  // the first nodes of a DHT do not know the rest at once
constexpr milliseconds kPoll{50};
constexpr milliseconds kMore{300};  // after the first: others come right behind
constexpr std::size_t kMostDoors = 16;

/// What the DHT's threads find, until somebody takes it. Outlives a search that goes on too long.
class Inbox {
 public:
  void put(std::string value) {
    const std::lock_guard lock(mutex_);
    if (values_.size() < Discovery::kMostFound) values_.push_back(std::move(value));
    changed_.notify_one();
  }
  std::vector<std::string> take(milliseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return !values_.empty(); });
    return std::exchange(values_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> values_;
};

using Newest = std::map<NodeId, trust::NodeRecord>;

void sort_in(const trust::SwarmOrigin& origin, const std::vector<std::string>& values,
             Newest& newest) {
  for (const std::string& value : values) {
    auto found = read_found(origin, value);
    if (!found) continue;
    const NodeId node = trust::node_id_of(found->record.key);
    const auto known = newest.find(node);
    if (known != newest.end() && known->second.incarnation >= found->record.incarnation) continue;
    if (known == newest.end() && newest.size() == Discovery::kMostFound) continue;
    newest.insert_or_assign(node, std::move(found->record));
  }
}

std::vector<trust::Contact> to_doors(const Newest& newest, const NodeId& self) {
  std::vector<std::pair<std::uint64_t, trust::Contact>> ranked;
  for (const auto& [node, record] : newest)
    if (node != self) ranked.push_back({record.incarnation, {node, record.addresses.front()}});
  std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<trust::Contact> doors;
  for (auto& [incarnation, contact] : ranked)
    if (doors.size() < kMostDoors) doors.push_back(std::move(contact));
  return doors;
}

}  // namespace

Lookout::Lookout(const config::NodeConfig& node, const trust::SwarmOrigin& origin,
                 const NodeId& self, std::vector<std::string> addresses)
    : node_(node), origin_(origin), self_(self), addresses_(std::move(addresses)) {}

Lookout::~Lookout() = default;

bool Lookout::can_look() const {
  if (!node_.discovery.dht || !has_dht()) return false;
  return !node_.discovery.bootstrap.empty() || !addresses_.empty() ||
         !read_dht_nodes(dht_nodes_file(node_.state_dir)).empty();
}

Result<> Lookout::enter() {
  // The port that the node will listen at is not taken yet: this is a guest of the DHT.
  BRIGADE_ASSIGN(const HostPort listen, split_address(node_.listen));
  BRIGADE_ASSIGN(discovery_, make_dht({.point = trust::meeting_point_of(origin_),
                                       .listen = join_address(listen.host, 0),
                                       .bootstrap = node_.discovery.bootstrap}));
  discovery_->add_nodes(read_dht_nodes(dht_nodes_file(node_.state_dir)));
  discovery_->add_nodes(addresses_);
  return {};
}

Result<std::vector<trust::Contact>> Lookout::find(milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  if (!discovery_) BRIGADE_TRY(enter());
  while (discovery_->status().nodes == 0 && Clock::now() < deadline)
    std::this_thread::sleep_for(kPoll);
  const auto inbox = std::make_shared<Inbox>();
  Newest newest;
  while (to_doors(newest, self_).empty() && Clock::now() < deadline) {
    discovery_->find([inbox](std::string value) { inbox->put(std::move(value)); });
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    sort_in(origin_, inbox->take(std::min(kLookAgain, std::max(left, milliseconds{0}))), newest);
  }
  if (!newest.empty()) {
    std::this_thread::sleep_for(kMore);
    sort_in(origin_, inbox->take(milliseconds{0}), newest);
  }
  const auto kept = write_dht_nodes(dht_nodes_file(node_.state_dir), discovery_->nodes());
  if (kept.has_error()) spdlog::warn("the DHT's nodes can't be kept: {}", kept.error().message);
  return to_doors(newest, self_);
}

}  // namespace brigade::daemon

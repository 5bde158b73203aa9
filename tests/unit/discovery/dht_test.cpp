// Real nodes of the DHT on loopback, in this process.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "daemon/discovery/lookout.hpp"
#include "daemon/discovery/node_cache.hpp"
#include "daemon/discovery/notice_board.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kPatience{20};

class Inbox {
 public:
  void put(std::string value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  /// Once `count` have come; fewer if that takes too long.
  std::vector<std::string> wait_for(std::size_t count, milliseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return values_.size() >= count; });
    return values_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> values_;
};

std::unique_ptr<Discovery> node_of(const trust::MeetingPoint& point,
                                   std::vector<std::string> bootstrap = {},
                                   const std::string& listen = "127.0.0.1:0") {
  return make_dht({.point = point, .listen = listen, .bootstrap = std::move(bootstrap)}).value();
}

/// Searches again until `count` different values were found: a DHT is not there at once.
std::vector<std::string> find(Discovery& discovery, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::vector<std::string> values;
  while (values.size() < count && std::chrono::steady_clock::now() < end) {
    const auto inbox = std::make_shared<Inbox>();
    discovery.find([inbox](std::string value) { inbox->put(std::move(value)); });
    values = inbox->wait_for(count, milliseconds{500});
    std::ranges::sort(values);
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
  return values;
}

/// The address of a node, as another one that knows it has it.
std::string first_of(const Discovery& other) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::vector<std::string> nodes;
  while ((nodes = other.nodes()).empty() && std::chrono::steady_clock::now() < end) {
    Inbox().wait_for(1, milliseconds{20});
  }
  return nodes.empty() ? "" : nodes.front();
}

/// A UDP port that nobody has, as far as anybody can tell.
std::string free_address() {
  static int next = 40'000 + static_cast<int>(::getpid() % 20'000);
  return "127.0.0.1:" + std::to_string(next++);
}

struct Net {
  OwnedSwarm swarm;
  trust::MeetingPoint point = trust::meeting_point_of(swarm.origin);
  std::string address = free_address();
  std::unique_ptr<Discovery> first = node_of(point, {}, address);
};

TEST_CASE("what one member leaves at the meeting point, another finds, and no other swarm") {
  if (!has_dht()) return;
  Net net;
  Notary member = net.swarm.notary();
  const auto speaker = node_of(net.point, {net.address});
  const auto listener = node_of(net.point, {net.address});
  const auto stranger = node_of(trust::meeting_point_of(OwnedSwarm().origin), {net.address});
  REQUIRE(!first_of(*speaker).empty());
  const std::string word =
      trust::seal(net.swarm.origin, member.bytes_of(record_of(member))).value();
  speaker->publish(word);
  const auto found = find(*listener, 1);
  REQUIRE(found.size() == 1);
  CHECK(found.front() == word);
  CHECK(read_found(net.swarm.origin, found.front())->record.addresses.front() == "192.0.2.7:7070");
  const auto inbox = std::make_shared<Inbox>();
  stranger->find([inbox](std::string value) { inbox->put(std::move(value)); });
  CHECK(inbox->wait_for(1, milliseconds{500}).empty());
  CHECK(listener->status().found >= 1);
}

TEST_CASE("a newer word is found beside the older one, which nobody renews") {
  if (!has_dht()) return;
  Net net;
  const auto speaker = node_of(net.point, {net.address});
  REQUIRE(!first_of(*speaker).empty());
  speaker->publish("first");
  REQUIRE(find(*net.first, 1).size() == 1);
  speaker->publish("second");
  CHECK(find(*net.first, 2) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("of a flood at the meeting point a search takes so much and no more") {
  if (!has_dht()) return;
  constexpr std::size_t kSpeakers = 6;
  constexpr std::size_t kMost = 3;
  Net net;
  std::vector<std::unique_ptr<Discovery>> speakers;
  for (std::size_t i = 0; i < kSpeakers; ++i) {
    speakers.push_back(node_of(net.point, {net.address}));
    REQUIRE(!first_of(*speakers.back()).empty());
    speakers.back()->publish("value " + std::to_string(i));
  }
  speakers.front()->publish(std::string(Discovery::kMaxValueBytes + 1, 'x'));  // not even sent
  const auto open = node_of(net.point, {net.address});
  const auto found = find(*open, kSpeakers);
  REQUIRE(found.size() == kSpeakers);
  for (const std::string& value : found) CHECK(value.starts_with("value "));
  const auto strict = make_dht({net.point, "127.0.0.1:0", {net.address}, kMost}).value();
  REQUIRE(find(*strict, 1).size() >= 1);
  const auto inbox = std::make_shared<Inbox>();
  strict->find([inbox](std::string value) { inbox->put(std::move(value)); });
  CHECK(inbox->wait_for(kSpeakers, milliseconds{1'500}).size() == kMost);
}

TEST_CASE("a port that is taken is no reason not to take part") {
  if (!has_dht()) return;
  Net net;
  const auto second = node_of(net.point, {net.address}, net.address);
  CHECK(first_of(*second) == net.address);
}

TEST_CASE("who wants to come in finds doors through a node of the DHT, its own record aside") {
  if (!has_dht()) return;
  Net net;
  Notary member = net.swarm.notary();
  Notary newcomer = net.swarm.notary();
  net.first->publish("noise");
  const auto speaker = node_of(net.point, {net.address});
  const auto itself = node_of(net.point, {net.address});
  REQUIRE(!first_of(*speaker).empty());
  REQUIRE(!first_of(*itself).empty());
  speaker->publish(trust::seal(net.swarm.origin, member.bytes_of(record_of(member))).value());
  itself->publish(trust::seal(net.swarm.origin, newcomer.bytes_of(record_of(newcomer))).value());
  const test::TemporaryFolder folder;
  config::NodeConfig node;
  node.state_dir = folder.path();
  node.listen = "127.0.0.1:0";
  node.discovery.bootstrap = {net.address};
  {
    Lookout lookout(node, net.swarm.origin, newcomer.self(), {});
    CHECK(lookout.can_look());
    const auto doors = lookout.find(kPatience).value();
    REQUIRE(doors.size() == 1);
    CHECK(doors.front().node == member.self());
    CHECK(doors.front().address == "192.0.2.7:7070");
  }
  // The next time it needs no bootstrap: it knows nodes.
  node.discovery.bootstrap.clear();
  REQUIRE(!read_dht_nodes(dht_nodes_file(node.state_dir)).empty());
  Lookout again(node, net.swarm.origin, newcomer.self(), {});
  CHECK(again.can_look());
  CHECK(again.find(kPatience).value().size() == 1);
}

TEST_CASE("who has nowhere to begin, or has turned the DHT off, does not look") {
  const OwnedSwarm swarm;
  const test::TemporaryFolder folder;
  config::NodeConfig node;
  node.state_dir = folder.path();
  CHECK(!Lookout(node, swarm.origin, {}, {}).can_look());
  CHECK(Lookout(node, swarm.origin, {}, {"192.0.2.1:7070"}).can_look() == has_dht());
  node.discovery.dht = false;
  CHECK(!Lookout(node, swarm.origin, {}, {"192.0.2.1:7070"}).can_look());
}

}  // namespace
}  // namespace brigade::daemon

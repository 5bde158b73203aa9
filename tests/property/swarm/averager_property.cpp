// A replica whose peers share anything at any time, come, go and return as others: it asks for one
// task at a time, releases every payload exactly once, its position never falls, and no more is
// under way than one exchange.
#include <chrono>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "swarm/averager.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {
namespace {

constexpr std::uint32_t kPeers = 4;

NodeId node_id(std::uint64_t index) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(index + 1);
  return id;
}

class Gossip {
 public:
  explicit Gossip(std::uint64_t seed)
      : random_(seed),
        options_(options_of(seed, random_)),
        shared_(options_),
        peers_(options_),
        averager_(shared_, peers_) {}

  void play(int events) {
    for (int i = 0; i < events; ++i) {
      happen();
      settle();
    }
    averager_.stop();
    settle();
    if (task_) finish_task();
    settle();
    REQUIRE(held_.empty());
    REQUIRE_FALSE(averager_.is_busy());
  }

 private:
  static Options options_of(std::uint64_t seed, Random& random) {
    Options options;
    options.has_replicas = true;
    options.self = node_id(random.below(kPeers));  // ids above and below
    options.instance = 7;
    options.seed = seed;
    options.average_every = static_cast<std::uint32_t>(1 + random.below(4));
    return options;
  }

  NodeId any_peer() { return node_id(kPeers * random_.below(2) + random_.below(kPeers)); }
  Payload payload() {
    if (random_.chance(0.2)) return {};
    held_.insert(++last_payload_);
    return {PayloadId{last_payload_}, 8, 0};
  }
  double weight() {
    switch (random_.below(12)) {
      case 0:
        return std::numeric_limits<double>::quiet_NaN();
      case 1:
        return std::numeric_limits<double>::infinity();
      case 2:
        return -random_.uniform();
      case 3:
        return static_cast<double>(random_());
      case 4:
        return 0;
      default:
        return 50 * random_.uniform();
    }
  }
  Share share() {
    Share share;
    share.is_answer = random_.chance(0.5);
    share.round = last_round_ + random_.below(3) - 1;
    if (!share.is_answer) share.round = random_.below(1000);
    share.weight = weight();
    share.position = random_.chance(0.02) ? random_() : random_.below(500);
    share.payload = payload();
    return share;
  }

  void happen() {
    const NodeId peer = any_peer();
    switch (random_.below(8)) {
      case 0:
        peers_.on_down(peer);
        return;
      case 1:
        if (random_.chance(0.3)) peers_.on_down(peer);
        peers_.on_up(now_, {peer, 100 + random_.below(3)},
                     StageIndex{random_.chance(0.9) ? 0U : 1U});
        return;
      case 2: {
        NodeBeacon beacon;
        beacon.is_ready = random_.chance(0.9);
        peers_.on_beacon(now_, peer, beacon);
        return;
      }
      case 3:
        now_ += std::chrono::milliseconds{random_.below(4000)};
        return;
      case 4:
      case 5:
        averager_.on(random_.chance(0.7) ? last_asked_ : peer, share(), random_.chance(0.9));
        return;
      default:
        work();
    }
  }
  void work() {
    if (task_) return finish_task();
    if (random_.chance(0.5)) {
      const std::uint64_t learned = random_.below(4);
      view_.in_weights += learned;
      for (std::uint64_t i = 0; i < learned; ++i) shared_.stage_position.on_applied();
      view_.version = view_.version.next();
    }
    view_.is_open = random_.chance(0.95);
    task_ = averager_.next_task(view_);
    if (const auto* blend = task_ ? std::get_if<RunBlend>(&*task_) : nullptr) {
      REQUIRE(held_.contains(blend->mine.id.value()));
      REQUIRE(held_.contains(blend->theirs.id.value()));
      REQUIRE(blend->weight >= 0);
      REQUIRE(blend->weight <= 1);
    }
  }
  void finish_task() {
    const Action task = *std::exchange(task_, std::nullopt);
    if (const auto* share = std::get_if<RunShare>(&task)) {
      held_.insert(++last_payload_);
      averager_.on(now_, ShareTaken{share->round, {PayloadId{last_payload_}, 8, 0}});
    } else {
      averager_.on(Blended{std::get<RunBlend>(task).round, random_.chance(0.8)});
    }
  }
  void settle() {
    averager_.on_time(now_);
    while (const auto action = shared_.actions.poll()) {
      if (const auto* release = std::get_if<Release>(&*action)) {
        REQUIRE(held_.erase(release->payload.value()) == 1);
      } else if (const auto* send = std::get_if<Send>(&*action)) {
        const Share& share = std::get<Share>(send->message);
        REQUIRE((share.payload.is_empty() || held_.contains(share.payload.id.value())));
        if (!share.is_answer) last_round_ = share.round;
        last_asked_ = send->to;
      }
    }
    REQUIRE(held_.size() <= 3);  // two, and one that the engine takes for nobody
    REQUIRE(averager_.next_due() > now_);
    const std::uint64_t position = shared_.stage_position.told();
    REQUIRE(position >= position_);
    position_ = position;
  }

  Random random_;
  TimePoint now_{std::chrono::seconds{1}};
  Options options_;
  Shared shared_;
  PeerBook peers_;
  Averager averager_;
  Averager::View view_{true, Version{0}, 0};
  std::optional<Action> task_;
  std::set<std::uint64_t> held_;
  std::uint64_t last_payload_ = 0;
  std::uint64_t last_round_ = 1;
  NodeId last_asked_ = node_id(0);
  std::uint64_t position_ = 0;
};

TEST_CASE("a replica whose peers share anything keeps to its rules") {
  for_seeds(300, [](std::uint64_t seed) { Gossip(seed).play(400); });
}

}  // namespace
}  // namespace brigade::swarm::test

// Two replicas and a third that average, with engines played by hand.
#include "swarm/averager.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {
namespace {

struct Replica {
  Holder holder;
  TimePoint now{std::chrono::seconds{10}};
  Options options;
  Shared shared;
  PeerBook peers;
  Averager averager;
  Averager::View view{true, Version{0}, 0};
  std::uint64_t next_payload = 0;
  std::vector<std::uint64_t> released;
  std::vector<const char*> blamed;

  static Options options_of(const Holder& holder) {
    Options options;
    options.has_replicas = true;
    options.self = holder.node;
    options.instance = options.seed = holder.instance;
    options.stages = 2;
    options.average_every = 1;
    return options;
  }
  explicit Replica(std::uint32_t index)
      : holder{test::node_id(index), 100 + index},
        options(options_of(holder)),
        shared(options),
        peers(options),
        averager(shared, peers),
        next_payload(1000 * index) {
    CHECK_FALSE(averager.next_task(view));  // right after it has restored
  }

  void meet(const Holder& other, StageIndex stage = StageIndex{0}) {
    peers.on_up(now, other, stage);
    NodeBeacon beacon;
    beacon.is_ready = true;
    peers.on_beacon(now, other.node, beacon);
  }
  void learn(std::uint64_t microbatches) {
    for (std::uint64_t i = 0; i < microbatches; ++i) shared.stage_position.on_applied();
    view.in_weights += microbatches;
    view.version = Version{view.version.value() + 1};
  }
  std::uint64_t position() const { return shared.stage_position.told(); }
  Payload bytes() { return {PayloadId{++next_payload}, 8, 0}; }
  void hear(const Replica& from, const Share& share) {
    averager.on(from.holder.node, share, view.is_open);
  }
  /// What it sends, if anything; what else it does is noted.
  std::optional<Share> sent() {
    std::optional<Share> share;
    while (auto action = shared.actions.poll()) {
      if (const auto* send = std::get_if<Send>(&*action)) share = std::get<Share>(send->message);
      if (const auto* release = std::get_if<Release>(&*action)) {
        CHECK(std::count(released.begin(), released.end(), release->payload.value()) == 0);
        released.push_back(release->payload.value());
      }
      if (const auto* blame = std::get_if<Misbehaved>(&*action)) blamed.push_back(blame->what);
    }
    return share;
  }
  /// Takes its share and says what it sends.
  std::optional<Share> share() {
    const auto task = averager.next_task(view);
    REQUIRE(task);
    averager.on(now, ShareTaken{std::get<RunShare>(*task).round, bytes()});
    return sent();
  }
  double blend(bool succeeds = true) {
    const auto task = averager.next_task(view);
    REQUIRE(task);
    const auto& blend = std::get<RunBlend>(*task);
    averager.on(Blended{blend.round, succeeds});
    return blend.weight;
  }
  /// As it travels: other handles at the receiver.
  Share arriving(Share share) {
    if (!share.payload.is_empty()) share.payload = bytes();
    return share;
  }
};

struct Pair {
  Replica low{1};
  Replica high{2};
  Pair() {
    low.meet(high.holder);
    high.meet(low.holder);
  }
  /// A first exchange, after which both count.
  static void start(Replica& asker, Replica& other) {
    asker.view.version = asker.view.version.next();
    exchange(asker, other);
  }
  /// `asker` asks, `other` answers, both blend. What the weights towards the other were.
  static std::pair<double, double> exchange(Replica& asker, Replica& other) {
    const auto ask = asker.share();
    REQUIRE(ask);
    other.hear(asker, other.arriving(*ask));
    const auto answer = other.share();
    REQUIRE(answer);
    asker.hear(other, asker.arriving(*answer));
    return {asker.blend(), other.blend()};
  }
};

TEST_CASE("both replicas blend towards the mean by what each learned since the last time") {
  Pair pair;
  Pair::start(pair.low, pair.high);
  pair.low.learn(5);
  pair.high.learn(2);
  const auto [low, high] = Pair::exchange(pair.low, pair.high);
  CHECK(low == 3.0 / 9);
  CHECK(high == 6.0 / 9);
  CHECK(low + high == 1);
  CHECK(pair.low.averager.averaged() == 2);
}

TEST_CASE("both replicas go on from the mean of their positions, and what they learned since") {
  Pair pair;
  pair.low.shared.stage_position.start(100);
  pair.high.shared.stage_position.start(100);
  Pair::start(pair.low, pair.high);
  pair.low.shared.stage_position.set_replicas(2);
  pair.high.shared.stage_position.set_replicas(2);
  pair.low.learn(5);
  pair.high.learn(1);
  const auto ask = pair.low.share();
  REQUIRE(ask);
  CHECK(ask->position == 110);
  pair.low.learn(1);  // while it waits
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  const auto answer = pair.high.share();
  REQUIRE(answer);
  pair.low.hear(pair.high, pair.low.arriving(*answer));
  pair.low.blend();
  pair.high.blend();
  CHECK(pair.high.position() == 106);
  CHECK(pair.low.shared.stage_position.estimate() == 108);
  CHECK(pair.low.position() == 112);  // it never falls
}

TEST_CASE("who has just restored takes over what the other has") {
  Pair pair;
  Replica third{3};
  Pair::start(pair.low, pair.high);
  pair.high.learn(40);
  third.meet(pair.high.holder);
  pair.high.meet(third.holder);
  third.learn(2);
  const auto [fresh, old] = Pair::exchange(third, pair.high);
  CHECK(fresh == 1);
  CHECK(old == 0);
  CHECK(third.position() == 40);
  third.learn(1);
  pair.high.learn(1);
  CHECK(Pair::exchange(third, pair.high) == std::pair{0.5, 0.5});
}

TEST_CASE("where both have just restored the one that is further on counts for more") {
  Pair pair;
  pair.low.learn(1);
  CHECK(Pair::exchange(pair.low, pair.high) == std::pair{1.0 / 3, 2.0 / 3});
}

TEST_CASE("every payload of an exchange is released once, at both ends") {
  Pair pair;
  pair.low.learn(1);
  Pair::exchange(pair.low, pair.high);
  CHECK_FALSE(pair.low.sent());
  CHECK_FALSE(pair.high.sent());
  CHECK(pair.low.released == std::vector<std::uint64_t>{1001, 1002});
  CHECK(pair.high.released == std::vector<std::uint64_t>{2002, 2001});
}

TEST_CASE("who is in an exchange, or does not stay, says that it is not now") {
  Pair pair;
  Replica third{3};
  third.meet(pair.low.holder);
  pair.low.meet(third.holder);
  third.learn(1);
  const auto ask = third.share();
  REQUIRE(ask);
  SECTION("busy") {
    pair.high.learn(1);
    const auto other = pair.high.share();
    REQUIRE(other);
    pair.low.hear(pair.high, pair.low.arriving(*other));
  }
  SECTION("leaving") {
    pair.low.view.is_open = false;
  }
  pair.low.hear(third, pair.low.arriving(*ask));
  const auto answer = pair.low.sent();
  REQUIRE(answer);
  CHECK(answer->is_answer);
  CHECK(answer->payload.is_empty());
  CHECK(pair.low.released.size() == 1);
  third.hear(pair.low, *answer);
  CHECK_FALSE(third.averager.is_busy());
  CHECK(third.averager.failed() == 1);
  third.sent();
  CHECK(third.released.size() == 1);
}

TEST_CASE("of two that ask each other the lower id's exchange goes on") {
  Pair pair;
  pair.low.learn(1);
  pair.high.learn(1);
  const auto low = pair.low.share();
  const auto high = pair.high.share();
  REQUIRE(low);
  REQUIRE(high);
  pair.low.hear(pair.high, pair.low.arriving(*high));
  pair.high.hear(pair.low, pair.high.arriving(*low));
  const auto refusal = pair.low.sent();
  REQUIRE(refusal);
  CHECK(refusal->payload.is_empty());
  pair.high.hear(pair.low, *refusal);  // of what it has given up
  const auto answer = pair.high.share();
  REQUIRE(answer);
  CHECK(answer->is_answer);
  pair.low.hear(pair.high, pair.low.arriving(*answer));
  pair.low.blend();
  pair.high.blend();
  CHECK(pair.low.averager.averaged() == 1);
  CHECK(pair.high.averager.averaged() == 1);
  CHECK(pair.high.averager.failed() == 0);
}

TEST_CASE("a share that nobody waits for any more is let go when the engine has taken it") {
  Pair pair;
  pair.low.learn(1);
  pair.high.learn(1);
  const auto low = pair.low.share();
  const auto task = pair.high.averager.next_task(pair.high.view);
  REQUIRE(low);
  REQUIRE(task);
  pair.high.hear(pair.low, pair.high.arriving(*low));
  pair.high.averager.on(pair.high.now,
                        ShareTaken{std::get<RunShare>(*task).round, pair.high.bytes()});
  CHECK_FALSE(pair.high.sent());
  CHECK(pair.high.released == std::vector<std::uint64_t>{2002});
  CHECK(pair.high.share()->is_answer);
}

TEST_CASE("a peer that does not answer ends the exchange, and its late answer is let go") {
  Pair pair;
  pair.low.learn(1);
  const auto ask = pair.low.share();
  REQUIRE(ask);
  SECTION("in time") {
    pair.low.now = pair.low.averager.next_due();
    CHECK(pair.low.now == TimePoint{std::chrono::seconds{20}});
  }
  SECTION("for its link is down") {
    pair.low.peers.on_down(pair.high.holder.node);
  }
  SECTION("for it is another instance") {
    pair.low.peers.on_up(pair.low.now, {pair.high.holder.node, 7}, StageIndex{0});
  }
  pair.low.averager.on_time(pair.low.now);
  CHECK_FALSE(pair.low.averager.is_busy());
  CHECK(pair.low.averager.failed() == 1);
  CHECK_FALSE(pair.low.sent());
  CHECK(pair.low.released.size() == 1);
  Share late = *ask;
  late.is_answer = true;
  pair.low.hear(pair.high, pair.low.arriving(late));
  CHECK_FALSE(pair.low.averager.is_busy());
  pair.low.sent();
  CHECK(pair.low.released.size() == 2);
}

TEST_CASE("a share that the engine could not take is not asked with, and an ask is refused") {
  Pair pair;
  pair.low.learn(1);
  const auto ask = pair.low.share();
  REQUIRE(ask);
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  const auto task = pair.high.averager.next_task(pair.high.view);
  REQUIRE(task);
  pair.high.averager.on(pair.high.now, ShareTaken{ask->round, {}});
  const auto answer = pair.high.sent();
  REQUIRE(answer);
  CHECK(answer->is_answer);
  CHECK(answer->payload.is_empty());
  CHECK(pair.high.released.size() == 1);
  pair.high.learn(1);
  const auto own = pair.high.averager.next_task(pair.high.view);
  REQUIRE(own);
  pair.high.averager.on(pair.high.now, ShareTaken{std::get<RunShare>(*own).round, {}});
  CHECK_FALSE(pair.high.sent());
  CHECK_FALSE(pair.high.averager.is_busy());
}

TEST_CASE("an ask that comes twice is answered once") {
  Pair pair;
  pair.low.learn(1);
  const auto ask = pair.low.share();
  REQUIRE(ask);
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  CHECK_FALSE(pair.high.sent());
  CHECK(pair.high.released == std::vector<std::uint64_t>{2002});
  REQUIRE(pair.high.share());
  pair.high.blend();
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  CHECK_FALSE(pair.high.averager.is_busy());
}

TEST_CASE("a share that can't be is let go and feeds the peer's score") {
  Pair pair;
  Replica stranger{4};
  Share share{0, /*is_answer=*/false, 1, 0, pair.low.bytes()};
  bool is_stranger = false;
  SECTION("of a weight that is not a number") {
    share.weight = std::numeric_limits<double>::quiet_NaN();
  }
  SECTION("of a weight below zero") {
    share.weight = -1;
  }
  SECTION("of a weight beyond all micro-batches") {
    share.weight = 1e300;
  }
  SECTION("of a position beyond all") {
    share.position = limits::kMaxPosition + 1;
  }
  SECTION("of another stage") {
    pair.low.meet(stranger.holder, StageIndex{1});
    is_stranger = true;
  }
  SECTION("without bytes") {
    share.payload = Payload{};
  }
  pair.low.hear(is_stranger ? stranger : pair.high, share);
  CHECK_FALSE(pair.low.sent());
  CHECK(pair.low.blamed.size() == 1);
  CHECK(pair.low.released.size() == (share.payload.is_empty() ? 0 : 1));
  CHECK_FALSE(pair.low.averager.is_busy());
}

TEST_CASE("a share that does not decode changes no position and feeds the peer's score") {
  Pair pair;
  pair.low.learn(1);
  const auto ask = pair.low.share();
  REQUIRE(ask);
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  REQUIRE(pair.high.share());
  pair.high.blend(/*succeeds=*/false);
  pair.high.sent();
  CHECK(pair.high.blamed.size() == 1);
  CHECK(pair.high.released.size() == 2);
  CHECK(pair.high.position() == 0);
  CHECK(pair.high.averager.failed() == 1);
}

TEST_CASE("who is refused asks again after a pause in own updates that grows") {
  Pair pair;
  pair.low.shared.actions.poll();
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < 60; ++i) {
    pair.low.learn(1);
    const auto task = pair.low.averager.next_task(pair.low.view);
    if (!task) continue;
    asked.push_back(pair.low.view.version.value());
    const std::uint64_t round = std::get<RunShare>(*task).round;
    pair.low.averager.on(pair.low.now, ShareTaken{round, pair.low.bytes()});
    Share refusal;
    refusal.round = round;
    refusal.is_answer = true;
    pair.low.hear(pair.high, refusal);
  }
  CHECK(asked.size() > 6);
  CHECK(asked.size() < 40);
}

TEST_CASE("who leaves lets go of all but what the engine uses") {
  Pair pair;
  pair.low.learn(1);
  const auto ask = pair.low.share();
  REQUIRE(ask);
  pair.high.hear(pair.low, pair.high.arriving(*ask));
  const auto answer = pair.high.share();
  REQUIRE(answer);
  pair.low.averager.stop();
  pair.low.sent();
  CHECK(pair.low.released.size() == 1);
  const auto task = pair.high.averager.next_task(pair.high.view);
  REQUIRE(task);
  pair.high.averager.stop();
  pair.high.sent();
  CHECK(pair.high.released.empty());
  pair.high.averager.on(Blended{std::get<RunBlend>(*task).round, true});
  pair.high.sent();
  CHECK(pair.high.released.size() == 2);
}

}  // namespace
}  // namespace brigade::swarm

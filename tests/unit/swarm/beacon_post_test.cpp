#include "swarm/beacon_post.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;

Options options() {
  Options chosen;
  chosen.stages = 4;
  chosen.stage = StageIndex{1};
  chosen.beacon_interval = milliseconds{100};
  return chosen;
}

}  // namespace

TEST_CASE("a beacon is due once an interval") {
  BeaconPost post(options(), TimePoint{});
  CHECK_FALSE(post.is_time(TimePoint{} + milliseconds{99}));
  CHECK(post.is_time(TimePoint{} + milliseconds{100}));
  CHECK_FALSE(post.is_time(TimePoint{} + milliseconds{150}));
  CHECK(post.next() == TimePoint{} + milliseconds{200});
}

TEST_CASE("progress alone is no news, a changed state is") {
  BeaconPost post(options(), TimePoint{});
  UpBeacon beacon;
  CHECK(post.is_news(beacon));
  post.on_sent(beacon);
  beacon.applied = 100;
  CHECK_FALSE(post.is_news(beacon));
  beacon.is_ready = true;
  CHECK(post.is_news(beacon));
  post.on_sent(beacon);
  post.on_link_up();
  CHECK(post.is_news(beacon));
}

TEST_CASE("what is known of an incomplete line is not urgent") {
  BeaconPost post(options(), TimePoint{});
  UpBeacon beacon;
  beacon.stages = 1;
  post.on_sent(beacon);
  beacon.stages = 2;
  beacon.offers = {CheckpointId{}};
  CHECK_FALSE(post.is_news(beacon));
  beacon.stages = 3;  // all from stage 1 on
  CHECK(post.is_news(beacon));
}

TEST_CASE("whatever the head decides is passed on at once") {
  BeaconPost post(options(), TimePoint{});
  DownBeacon beacon;
  post.on_sent(beacon);
  CHECK_FALSE(post.is_news(beacon));
  beacon.final_position = 3;
  CHECK(post.is_news(beacon));
}

}  // namespace brigade::swarm

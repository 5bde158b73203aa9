#include "swarm/stage_position.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

TEST_CASE("a replica counts what it applies once for each replica of its stage") {
  StagePosition position;
  position.start(50);
  position.on_applied();
  CHECK(position.told() == 51);
  position.set_replicas(4);
  position.on_applied();
  CHECK(position.told() == 55);
}

TEST_CASE("two replicas of any speeds are right after they have averaged") {
  StagePosition fast;
  StagePosition slow;
  for (StagePosition* position : {&fast, &slow}) position->set_replicas(2);
  for (int i = 0; i < 9; ++i) fast.on_applied();
  slow.on_applied();
  const std::uint64_t merged = (fast.estimate() + slow.estimate()) / 2;
  fast.on_averaged(fast.estimate(), merged);
  slow.on_averaged(slow.estimate(), merged);
  CHECK(fast.estimate() == 10);
  CHECK(slow.estimate() == 10);
  CHECK(fast.told() == 18);
  CHECK(slow.told() == 10);
}

TEST_CASE("what was applied while the shares were on their way stays") {
  StagePosition position;
  position.start(100);
  position.on_applied();
  position.on_averaged(/*mine=*/100, /*merged=*/140);
  CHECK(position.told() == 141);
}

}  // namespace
}  // namespace brigade::swarm

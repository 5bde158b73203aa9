#include "swarm/nuisance.hpp"

#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a whole stage's questions at once, and steady beacons, are no nuisance") {
  Nuisance nuisance;
  TimePoint now{seconds{1}};
  const NodeId peer = test::node_id(1);
  for (std::uint32_t i = 0; i < 2 * limits::kMaxInFlight; ++i)
    CHECK_FALSE(nuisance.note(now, peer, 1));
  for (int i = 0; i < 10'000; ++i) {
    now += milliseconds{20};
    REQUIRE_FALSE(nuisance.note(now, peer, 1));
  }
  for (int i = 0; i < 1000; ++i) {  // 64 repeats in 5 s, as Throttle lets pass
    now += milliseconds{78};
    REQUIRE_FALSE(nuisance.note(now, peer, Nuisance::kRepeat));
  }
}

TEST_CASE("a flood is a misdeed again and again, its sender's alone") {
  Nuisance nuisance;
  const TimePoint now{seconds{1}};
  int misdeeds = 0;
  const auto messages = static_cast<int>(Nuisance::kBurst + 4 * Nuisance::kMisdeed) + 1;
  for (int i = 0; i < messages; ++i) misdeeds += nuisance.note(now, test::node_id(1), 1) ? 1 : 0;
  CHECK(misdeeds == 5);
  CHECK_FALSE(nuisance.note(now, test::node_id(2), 1));
}

TEST_CASE("no number of peers makes it remember more than so many") {
  Nuisance nuisance;
  const TimePoint now{seconds{1}};
  const NodeId flooder = test::node_id(1'000'000);
  for (int i = 0; i < 10'000; ++i) nuisance.note(now, flooder, 1);
  for (std::uint32_t i = 0; i < 2 * Nuisance::kMostPeers; ++i)
    nuisance.note(now, test::node_id(i), 1);
  int until = 0;
  while (!nuisance.note(now, flooder, 1)) ++until;
  CHECK(until < Nuisance::kBurst - 9'999);  // it was not forgotten for them
}

}  // namespace
}  // namespace brigade::swarm

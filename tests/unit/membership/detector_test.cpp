#include "swarm/membership/detector.hpp"

#include "tests/catch.hpp"
#include "tests/unit/membership/rig.hpp"

namespace brigade::swarm::membership::test {
namespace {

using std::chrono::seconds;

}  // namespace

TEST_CASE("a link that fell silent with one who is no member is dropped") {
  Rig rig;
  rig.link(1);
  rig.handle(LinkUp{node(2), false});  // it never greets
  rig.pass(seconds{12}, {1});
  REQUIRE(rig.all_of<Drop>().size() == 1);
  CHECK(rig.all_of<Drop>()[0].peer == node(2));
  CHECK(rig.status().links == 1);
}

TEST_CASE("a link that fell silent with a member of a far stage is dropped") {
  Rig rig(9, [](Options& options) { options.small_swarm = 4; });
  rig.link(1, 4);
  for (std::uint32_t i = 2; i < 20; ++i) rig.rumour(1, share(serving(i, 3 + i % 3)));
  rig.pass(seconds{5}, {1});
  REQUIRE(rig.status().interest == Interest{StageIndex{3}, StageIndex{5}});
  rig.handle(LinkUp{node(50), true});
  rig.say(50, Hello{share(serving(50, 8)), {StageIndex{7}, StageIndex{8}}, {}});
  rig.forget();
  rig.pass(seconds{12}, {1});
  REQUIRE(rig.all_of<Drop>().size() == 1);
  CHECK(rig.all_of<Drop>()[0].peer == node(50));
}

}  // namespace brigade::swarm::membership::test

#include "swarm/router.hpp"

#include "base/limits.hpp"

#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {

using test::node_id;

TEST_CASE("only stages of the line beside this one are neighbours") {
  Router head(StageIndex{0}, 3);
  CHECK(head.on_up(node_id(1), StageIndex{1}));
  CHECK_FALSE(head.on_up(node_id(2), StageIndex{2}));
  CHECK_FALSE(head.on_up(node_id(3), StageIndex{~0U}));  // would be the one before stage 0
  Router tail(StageIndex{2}, 3);
  CHECK_FALSE(tail.on_up(node_id(3), StageIndex{3}));
}

TEST_CASE("the link that is up longest is taken, the next one when it breaks") {
  Router router(StageIndex{1}, 3);
  CHECK(router.choose(StageIndex{2}).peer == nullptr);
  CHECK(router.choose(StageIndex{2}).reason == std::string("no link to the stage is up"));
  router.on_up(node_id(2), StageIndex{2});
  router.on_up(node_id(7), StageIndex{2});
  CHECK(*router.choose(StageIndex{2}).peer == node_id(2));
  CHECK(router.is_peer_of(node_id(7), StageIndex{2}));
  CHECK(router.on_down(node_id(2)) == StageIndex{2});
  CHECK(*router.choose(StageIndex{2}).peer == node_id(7));
  CHECK(router.on_down(node_id(2)) == std::nullopt);
}

TEST_CASE("a peer that comes up again replaces its earlier link") {
  Router router(StageIndex{1}, 3);
  router.on_up(node_id(2), StageIndex{2});
  router.on_up(node_id(2), StageIndex{2});
  router.on_down(node_id(2));
  CHECK(router.choose(StageIndex{2}).peer == nullptr);
}

TEST_CASE("links are bounded") {
  Router router(StageIndex{1}, 3);
  for (std::uint32_t i = 0; i < limits::kMaxLinks; ++i) {
    CHECK(router.on_up(node_id(10 + i), StageIndex{2}));
  }
  CHECK_FALSE(router.on_up(node_id(9), StageIndex{0}));
}

}  // namespace brigade::swarm

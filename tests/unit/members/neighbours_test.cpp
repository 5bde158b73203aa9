#include "daemon/members/neighbours.hpp"

#include <algorithm>

#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

using swarm::membership::Standing;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

swarm::membership::RecordPtr at(std::uint8_t number, std::uint32_t stage) {
  auto record = std::make_shared<swarm::membership::NodeRecord>();
  record->id = node(number);
  record->doing = swarm::membership::Doing::kServing;
  record->stage = StageIndex(stage);
  return record;
}

TEST_CASE("links are kept with the stages beside, and with other replicas of the own one") {
  Neighbours of(node(1), StageIndex(2));
  for (std::uint32_t stage = 0; stage < 5; ++stage)
    of.update(at(static_cast<std::uint8_t>(10 + stage), stage), Standing::kAlive);
  of.update(at(1, 2), Standing::kAlive);  // itself
  CHECK(of.chosen() == std::set<NodeId>{node(11), node(12), node(13)});
  CHECK(of.trains_with(StageIndex(1)));
  CHECK(of.trains_with(StageIndex(2)));
  CHECK(of.trains_with(StageIndex(3)));
  CHECK_FALSE(of.trains_with(StageIndex(0)));
  CHECK_FALSE(of.trains_with(StageIndex(4)));
}

TEST_CASE("who is suspected stays, who is dead, forgotten or moved goes") {
  Neighbours of(node(1), StageIndex(0));
  for (std::uint8_t number = 10; number < 13; ++number) of.update(at(number, 1), Standing::kAlive);
  of.update(at(10, 1), Standing::kSuspected);
  of.update(at(11, 1), Standing::kDead);
  CHECK(of.chosen() == std::set<NodeId>{node(10), node(12)});
  of.forget(node(12));
  of.forget(node(99));
  of.update(at(10, 3), Standing::kAlive);
  CHECK(of.chosen().empty());
}

TEST_CASE("who is drained takes nobody's place; who still drains keeps its own") {
  Neighbours of(node(1), StageIndex(0));
  const auto does = [&](std::uint8_t number, swarm::membership::Doing doing) {
    auto record = std::make_shared<swarm::membership::NodeRecord>(*at(number, 1));
    record->doing = doing;
    of.update(record, Standing::kAlive);
  };
  does(10, swarm::membership::Doing::kLeaving);
  does(11, swarm::membership::Doing::kDrained);
  CHECK(of.chosen() == std::set<NodeId>{node(10)});
}

TEST_CASE("of many a few are chosen, others by each node, and a choice stays while it can") {
  Neighbours of(node(1), StageIndex(1));
  Neighbours other(node(2), StageIndex(1));
  for (std::uint8_t number = 10; number < 70; ++number) {
    of.update(at(number, number % 3), Standing::kAlive);
    other.update(at(number, number % 3), Standing::kAlive);
  }
  const auto chosen = of.chosen();
  CHECK(chosen.size() == 2 * Neighbours::kBeside + Neighbours::kOwn);
  CHECK(chosen != other.chosen());

  const NodeId lost = *chosen.begin();
  of.forget(lost);
  std::set<NodeId> common;
  std::ranges::set_intersection(chosen, of.chosen(), std::inserter(common, common.end()));
  CHECK(common.size() == chosen.size() - 1);
  CHECK(of.chosen().size() == chosen.size());
}

}  // namespace
}  // namespace brigade::daemon

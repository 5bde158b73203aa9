#include "daemon/members/line_choice.hpp"

#include "tests/catch.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

using swarm::membership::Standing;

swarm::membership::RecordPtr serving(const Notary& node, std::uint32_t stage, std::uint64_t since,
                                     bool has_state = true) {
  auto record = std::make_shared<swarm::membership::NodeRecord>(*record_of(node, stage));
  record->serves_since_unix_s = since;
  record->has_state = has_state;
  return record;
}

TEST_CASE("the one that has served longest works for a stage, until it is gone") {
  const OwnedSwarm swarm;
  const Notary old = swarm.notary();
  const Notary fresh = swarm.notary();
  LineChoice line;
  CHECK(!line.of(StageIndex(1)));
  line.update(serving(fresh, 1, 200), Standing::kAlive);
  CHECK(line.of(StageIndex(1)) == fresh.self());
  line.update(serving(old, 1, 100), Standing::kAlive);
  CHECK(line.of(StageIndex(1)) == old.self());
  line.update(serving(old, 1, 100), Standing::kSuspected);  // suspected is not dead
  CHECK(line.of(StageIndex(1)) == old.self());
  line.update(serving(old, 1, 100), Standing::kDead);
  CHECK(line.of(StageIndex(1)) == fresh.self());
  line.forget(fresh.self());
  CHECK(!line.of(StageIndex(1)));
}

TEST_CASE("who has nothing of a stage gives way to who has, however long it serves") {
  const OwnedSwarm swarm;
  const Notary empty = swarm.notary();
  const Notary full = swarm.notary();
  LineChoice line;
  line.update(serving(empty, 1, 100, false), Standing::kAlive);
  CHECK(line.of(StageIndex(1)) == empty.self());
  line.update(serving(full, 1, 150), Standing::kAlive);
  CHECK(line.of(StageIndex(1)) == full.self());
  line.update(serving(empty, 1, 100), Standing::kAlive);
  CHECK(line.of(StageIndex(1)) == empty.self());
}

TEST_CASE("a node that moves works at its new stage alone, a spare nowhere") {
  const OwnedSwarm swarm;
  const Notary node = swarm.notary();
  LineChoice line;
  line.update(serving(node, 1, 100), Standing::kAlive);
  line.update(serving(node, 2, 300), Standing::kAlive);
  CHECK(!line.of(StageIndex(1)));
  CHECK(line.of(StageIndex(2)) == node.self());
  auto spare = std::make_shared<swarm::membership::NodeRecord>(*record_of(node));
  spare->doing = swarm::membership::Doing::kSpare;
  spare->stage = std::nullopt;
  line.update(spare, Standing::kAlive);
  CHECK(!line.of(StageIndex(2)));
}

}  // namespace
}  // namespace brigade::daemon

#include "swarm/membership/dials.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/membership/members.hpp"

namespace brigade::swarm::membership::test {
namespace {

using std::chrono::seconds;

TimePoint at(int second) {
  return TimePoint{} + seconds{second};
}

}  // namespace

TEST_CASE("one dial at a time leads to a peer, and none to one that can't be dialled") {
  Dials dials;
  Actions actions;
  const RecordPtr record = share(serving(1, 0));
  CHECK(dials.begin(at(0), record, at(10), "test", actions));
  CHECK_FALSE(dials.begin(at(1), record, at(11), "test", actions));
  NodeRecord hidden = serving(2, 0);
  hidden.can_be_dialled = false;
  CHECK_FALSE(dials.begin(at(1), share(hidden), at(11), "test", actions));
  CHECK(actions.poll().has_value());
  CHECK_FALSE(actions.poll().has_value());
}

TEST_CASE("after a failure the next dial waits, longer each time") {
  Dials dials;
  Actions actions;
  Random random(1);
  const RecordPtr record = share(serving(1, 0));
  dials.fail(at(0), prefix_of(record->id), seconds{60}, random);
  CHECK_FALSE(dials.may_begin(at(3), *record));
  CHECK(dials.may_begin(at(6), *record));
  dials.fail(at(6), prefix_of(record->id), seconds{60}, random);
  CHECK_FALSE(dials.may_begin(at(13), *record));
  CHECK(dials.may_begin(at(17), *record));
  dials.succeed(prefix_of(record->id));
  dials.fail(at(20), prefix_of(record->id), seconds{60}, random);
  CHECK(dials.may_begin(at(26), *record));
}

TEST_CASE("a dial that the driver forgot fails at its deadline, and dials are bounded") {
  Dials dials;
  Actions actions;
  for (std::uint32_t i = 0; i < limits::kMaxDials; ++i) {
    CHECK(dials.begin(at(0), share(serving(i, 0)), at(10), "test", actions));
  }
  CHECK_FALSE(dials.begin(at(0), share(serving(99, 0)), at(10), "test", actions));
  std::vector<NodeId> failed;
  dials.expire(at(9), failed);
  CHECK(failed.empty());
  dials.expire(at(10), failed);
  CHECK(failed.size() == limits::kMaxDials);
}

}  // namespace brigade::swarm::membership::test

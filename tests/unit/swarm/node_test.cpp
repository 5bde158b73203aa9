// Whole conversations between the nodes of a short line.
#include "swarm/node.hpp"

#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void check_each_applied_once(const LineRig& rig, std::uint32_t stages, std::uint64_t count,
                             Epoch epoch = Epoch{1}) {
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    const auto applied = rig.applied(stage, epoch);
    CAPTURE(stage);
    CHECK(applied.size() == count);
    for (const auto& [sequence, times] : applied) CHECK(times == 1);
    CHECK(rig.held_payloads(stage) == 0);
  }
}

}  // namespace

TEST_CASE("a line trains every micro-batch once at every stage and ends by itself") {
  const std::uint32_t stages = GENERATE(1U, 2U, 4U, 8U);
  LineRig rig(stages);
  rig.run([&] { return rig.is_over(); });
  check_each_applied_once(rig, stages, 20);
  CHECK(rig.steps.size() == 20);
  CHECK(rig.steps.back().position == 20);
  CHECK(rig.committed.back() == CheckpointId{Epoch{1}, 20});
  CHECK(rig.status(0).repeats == 0);
}

}  // namespace brigade::swarm::test

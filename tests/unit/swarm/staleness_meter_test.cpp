#include "swarm/staleness_meter.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

Options stage_of(std::uint32_t stage, std::uint32_t stages, std::uint32_t accumulate = 1) {
  Options options;
  options.stage = StageIndex{stage};
  options.stages = stages;
  options.accumulate = accumulate;
  return options;
}

}  // namespace

TEST_CASE("the means start at the nominal values and follow what is measured") {
  StalenessMeter meter(stage_of(1, 8, 2));
  CHECK(meter.delay_microbatches() == 6);
  CHECK(meter.staleness_updates() == 3);
  meter.note(16, 8);
  CHECK(meter.delay_microbatches() == Approx(0.99 * 6 + 0.01 * 16));
  CHECK(meter.staleness_updates() == Approx(0.99 * 3 + 0.01 * 8));
  CHECK(meter.staleness_max() == 8);
  for (int i = 0; i < 2000; ++i) meter.note(4, 2);
  CHECK(meter.delay_microbatches() == Approx(4).margin(1e-6));
  CHECK(meter.staleness_max() == 8);
  meter.restart();
  CHECK(meter.delay_microbatches() == 6);
  CHECK(meter.staleness_max() == 0);
}

TEST_CASE("in synchronous schedules nothing is stale from the start") {
  Options options = stage_of(0, 4, 4);
  options.schedule = Schedule::kGpipe;
  CHECK(StalenessMeter(options).staleness_updates() == 0);
}

}  // namespace brigade::swarm

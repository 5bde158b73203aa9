#include "swarm/staleness_meter.hpp"

#include "base/limits.hpp"
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
  meter.note(1000, 500);
  CHECK(meter.histogram()[2] == 2000);
  CHECK(meter.histogram()[8] == 1);
  CHECK(meter.histogram().back() == 1);
  meter.restart();
  CHECK(meter.delay_microbatches() == 6);
  CHECK(meter.staleness_max() == 0);
  CHECK(meter.histogram()[2] == 0);
}

TEST_CASE("an update covers K micro-batches, or the delay where K follows it") {
  Options options = stage_of(0, 4, 4);
  StalenessMeter fixed(options);
  options.accumulate_follows = true;
  StalenessMeter meter(options);
  CHECK(meter.microbatches_an_update() == 4);  // the nominal delay is 3
  for (int i = 0; i < 2000; ++i) {
    meter.note(19, 1);
    fixed.note(19, 1);
  }
  CHECK(meter.microbatches_an_update() == 19);
  CHECK(fixed.microbatches_an_update() == 4);
  for (int i = 0; i < 2000; ++i) meter.note(1, 1);
  CHECK(meter.microbatches_an_update() == 4);
  meter.note(~0ULL, 1);
  CHECK(meter.microbatches_an_update() == limits::kMaxAccumulate);
  options.schedule = Schedule::kGpipe;
  CHECK(StalenessMeter(options).microbatches_an_update() == 4);
}

TEST_CASE("in synchronous schedules nothing is stale from the start") {
  Options options = stage_of(0, 4, 4);
  options.schedule = Schedule::kGpipe;
  CHECK(StalenessMeter(options).staleness_updates() == 0);
}

}  // namespace brigade::swarm

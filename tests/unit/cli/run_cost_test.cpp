#include "cli/run_cost.hpp"

#include "config/presets.hpp"
#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

config::SwarmConfig swarm_of(const char* preset, std::uint32_t stages) {
  config::SwarmConfig swarm;
  config::apply_preset(config::find_preset(preset).value(), swarm);
  swarm.stages = stages;
  return swarm;
}

}  // namespace

TEST_CASE("parameters are counted as GPT-2 counts them") {
  config::SwarmConfig swarm = swarm_of("gpt2", 1);
  swarm.model.tied_head = true;
  CHECK(count_parameters(swarm) == 124'439'808);  // the published model
  swarm.stages = 2;                               // untied: head and embedding on two stages
  CHECK(count_parameters(swarm) == 124'439'808 + 50'257ull * 768);
}

TEST_CASE("a large head is balanced against blocks") {
  const auto split = plan_split(swarm_of("gpt2", 4));
  REQUIRE(split);
  REQUIRE(split->size() == 4);
  CHECK(split->back().blocks < split->front().blocks);
}

TEST_CASE("a given split is taken as it is, and refused where it does not fit") {
  config::SwarmConfig swarm = swarm_of("demo", 2);
  swarm.split = {3, 1};
  CHECK(plan_split(swarm).value()[0].blocks == 3);
  swarm.split = {3, 2};
  CHECK(plan_split(swarm).has_error());
}

TEST_CASE("needs grow with what makes them grow") {
  config::SwarmConfig swarm = swarm_of("small", 2);
  const auto split = plan_split(swarm).value();
  const RunNeeds base = estimate_needs(swarm, split, "cpu", 2);
  CHECK(base.seconds > 0);
  CHECK(base.memory_bytes > base.stage_memory_bytes);
  CHECK(base.disk_bytes >= 3 * 12 * base.parameters);

  config::SwarmConfig recomputing = swarm;
  recomputing.method.recompute = "on";
  CHECK(estimate_needs(recomputing, split, "cpu", 2).stage_memory_bytes < base.stage_memory_bytes);
  config::SwarmConfig longer = swarm;
  longer.run.steps *= 2;
  CHECK(estimate_needs(longer, split, "cpu", 2).seconds == Approx(2 * base.seconds));
  CHECK(estimate_needs(swarm, split, "cuda:0", 2).seconds == 0);
  longer.run.steps = 0;
  CHECK(estimate_needs(longer, split, "cpu", 2).seconds == 0);
}

TEST_CASE("the line before a run names parameters, stages, memory, disk and a guess of the time") {
  const auto swarm = swarm_of("demo", 4);
  const auto split = plan_split(swarm).value();
  const std::string line = describe_needs(estimate_needs(swarm, split, "cpu", 2), split);
  for (const char* part : {" million parameters in 4 stages (1, 1, 1, 1 blocks)",
                           "of memory a stage", "of disk", ", about "}) {
    CAPTURE(line, part);
    CHECK(line.find(part) != std::string::npos);
  }
}

}  // namespace brigade::cli

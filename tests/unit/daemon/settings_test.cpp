#include "daemon/settings.hpp"

#include "daemon/memory.hpp"
#include "daemon/rate.hpp"
#include "tests/catch.hpp"

namespace brigade::daemon::testing {
namespace {

config::SwarmConfig swarm_of(std::uint32_t stages) {
  config::SwarmConfig swarm;
  swarm.stages = stages;
  swarm.model.blocks = 8;
  return swarm;
}

const stage::SliceCost kEqualCost{.embedding = 0, .head = 1, .block = 1};

TEST_CASE("a slice follows the split that swarm.toml records") {
  auto swarm = swarm_of(3);
  swarm.split = {2, 5, 1};
  const auto slice = to_slice(swarm, 1, kEqualCost);
  REQUIRE(slice.has_value());
  CHECK(slice->first_block == 2);
  CHECK(slice->blocks == 5);
  CHECK_FALSE(slice->is_tail());
}

TEST_CASE("without a split the slices of all stages make up the model") {
  const auto swarm = swarm_of(3);
  std::uint32_t next = 0;
  for (std::uint32_t stage = 0; stage < 3; ++stage) {
    const auto slice = to_slice(swarm, stage, kEqualCost);
    REQUIRE(slice.has_value());
    CHECK(slice->first_block == next);
    next += slice->blocks;
  }
  CHECK(next == 8);
}

TEST_CASE("a stage that the swarm does not have is refused") {
  const auto slice = to_slice(swarm_of(2), 2, kEqualCost);
  REQUIRE(slice.has_error());
  CHECK(slice.error().code == ErrorCode::kBadInput);
}

TEST_CASE("warm-up, correction and the cosine are shares of the run, in updates") {
  auto swarm = swarm_of(1);
  swarm.run.steps = 1000;
  swarm.method.accumulate = 4;
  const auto settings = to_method_settings(swarm);
  CHECK(settings.total_updates == 250);
  CHECK(settings.warmup_updates == 15);
  CHECK(settings.correction_updates == 35);
  swarm.method.warmup = 100;
  CHECK(to_method_settings(swarm).warmup_updates == 25);
}

TEST_CASE("a run without end keeps its peak rate and still writes checkpoints") {
  auto swarm = swarm_of(1);
  swarm.run.steps = 0;
  CHECK(to_method_settings(swarm).total_updates > 1'000'000'000'000u);
  CHECK(to_core_options(swarm, NodeId{}, 0, 10).checkpoint_every == 1000);
}

TEST_CASE("the staleness that corrects is measured, nominal or a number") {
  auto swarm = swarm_of(1);
  CHECK(to_method_settings(swarm).tau_source == stage::TauSource::kMeasured);
  swarm.method.tau = "nominal";
  CHECK(to_method_settings(swarm).tau_source == stage::TauSource::kNominal);
  swarm.method.tau = "2.5";
  CHECK(to_method_settings(swarm).tau_source == stage::TauSource::kFixed);
  CHECK(to_method_settings(swarm).tau_fixed == 2.5);
}

TEST_CASE("the head finds the window unless it is set, and memory is estimated for the largest") {
  auto swarm = swarm_of(4);
  CHECK(to_core_options(swarm, NodeId{}, 0, 10).window == 0);
  CHECK(in_flight_at_most(swarm, 1) == swarm::most_found_window(swarm.stages) - 1);
  swarm.run.window = 6;
  CHECK(to_core_options(swarm, NodeId{}, 0, 10).window == 6);
}

TEST_CASE("no more is evaluated than the validation split holds") {
  auto swarm = swarm_of(1);
  swarm.run.eval_batches = 8;
  swarm.run.eval_every = 50;
  CHECK(to_core_options(swarm, NodeId{}, 0, 3).eval_batches == 3);
  CHECK(to_core_options(swarm, NodeId{}, 0, 30).final_eval_batches == 30);
  const auto blind = to_core_options(swarm, NodeId{}, 0, 0);
  CHECK(blind.eval_every == 0);
  CHECK(blind.final_eval_batches == 0);
  CHECK_FALSE(blind.eval_on_resume);
}

TEST_CASE("peers are pinned by id, and never this node itself") {
  const auto swarm = swarm_of(2);
  config::NodeConfig node;
  NodeId peer;
  peer.bytes[5] = 9;
  node.peers = {{to_hex(peer), "127.0.0.1:1", 1}};
  const auto peers = to_peers(swarm, node, NodeId{});
  REQUIRE(peers.has_value());
  CHECK(peers->front().id == peer);
  CHECK(peers->front().stage == StageIndex(1));
  CHECK(to_peers(swarm, node, peer).has_error());
  node.peers.front().stage = 2;
  CHECK(to_peers(swarm, node, NodeId{}).has_error());
  node.peers = {{"short", "127.0.0.1:1", 1}};
  CHECK(to_peers(swarm, node, NodeId{}).has_error());
}

TEST_CASE("swarms that differ in a setting have another id, where the data lies does not matter") {
  auto swarm = swarm_of(2);
  const auto id = to_swarm_id(swarm);
  swarm.data.train = "/elsewhere/train.bin";
  CHECK(to_swarm_id(swarm) == id);
  swarm.run.batch += 1;
  CHECK(to_swarm_id(swarm) != id);
}

TEST_CASE("activations are kept where they fit into a quarter of the free memory") {
  constexpr std::uint64_t kMebibyte = 1024 * 1024;
  CHECK_FALSE(choose_recompute("auto", kMebibyte, 4, 16 * kMebibyte).recompute);
  CHECK(choose_recompute("auto", kMebibyte, 5, 16 * kMebibyte).recompute);
  CHECK_FALSE(choose_recompute("auto", kMebibyte, 5, std::nullopt).recompute);
  CHECK(choose_recompute("on", 0, 0, kMebibyte).recompute);
  CHECK_FALSE(choose_recompute("off", kMebibyte, 99, kMebibyte).recompute);
  CHECK(available_memory_bytes().value_or(0) > kMebibyte);
}

TEST_CASE("a rate looks back a few seconds and forgets what was before") {
  const auto at = [](double seconds) {
    return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
  };
  RateMeter rate;
  CHECK(rate.per_second() == 0);
  for (int second = 0; second <= 20; ++second) rate.sample(at(second), 100.0 * second);
  CHECK(rate.per_second() == Approx(100));
  for (int second = 21; second <= 30; ++second) rate.sample(at(second), 2000);
  CHECK(rate.per_second() == Approx(0));
}

}  // namespace
}  // namespace brigade::daemon::testing

#include "cli/local_settings.hpp"

#include "cli/local_flags.hpp"
#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

// What `brigade local ARGUMENTS` makes of its flags.
LocalFlags parsed(const std::string& arguments) {
  CLI::App app("test");
  const auto flags = std::make_shared<LocalFlags>();
  add_local_flags(app, flags);
  app.parse(arguments);
  return *flags;
}

config::SwarmConfig settled(const std::string& arguments) {
  config::SwarmConfig swarm;
  const auto wrong = settle_new_run(parsed(arguments), swarm);
  REQUIRE_FALSE(wrong);
  return swarm;
}

std::string refusal(const std::string& arguments) {
  const auto checked = check_flags(parsed(arguments));
  return checked ? "" : checked.error().message;
}

}  // namespace

TEST_CASE("every flag of the contract is there") {
  const std::vector<std::string> contract = {
      "--stages", "--replicas",  "--method",     "--preset",  "--model",      "--data",
      "--split",  "--steps",     "--seed",       "--batch",   "--context",    "--lr",
      "--warmup", "--clip",      "--accumulate", "--tau",     "--recompute",  "--window",
      "--codec",  "--lock-step", "--device",     "--threads", "--eval-every", "--checkpoint-every",
      "--log",    "--out",       "--resume",     "--json",    "--link-delay"};
  CLI::App app("test");
  add_local_flags(app, std::make_shared<LocalFlags>());
  for (const std::string& flag : contract) {
    CAPTURE(flag);
    CHECK(app.get_option_no_throw(flag) != nullptr);
  }
}

TEST_CASE("without flags a run is the demo on four stages") {
  const auto swarm = settled("");
  CHECK(swarm.stages == kDefaultStages);
  CHECK(swarm.method.name == "nesterov");
  CHECK(swarm.run.steps > 0);
}

TEST_CASE("flags override the preset, whatever their order") {
  const auto swarm = settled("--steps 50 --preset tiny --lr 0.01 --clip off --lock-step");
  CHECK(swarm.run.steps == 50);
  CHECK(swarm.method.learning_rate == Approx(0.01));
  CHECK(swarm.method.clip == 0);
  CHECK(swarm.run.lock_step);
}

TEST_CASE("a split says how many stages there are unless --stages does") {
  CHECK(settled("--split 2,1,1").stages == 3);
  CHECK(settled("--split 2,1,1 --stages 4").stages == 4);
}

TEST_CASE("a preset's position table follows --context") {
  const auto swarm = settled("--context 48");
  CHECK(swarm.model.context == 48);
  CHECK(swarm.run.context == 48);
}

TEST_CASE("wrong values and contradictions are refused with the flag's name") {
  config::SwarmConfig swarm;
  const auto wrong = settle_new_run(parsed("--steps many"), swarm);
  REQUIRE(wrong);
  CHECK_FALSE(wrong->is_file_error);
  CHECK(wrong->error.message.find("--steps") != std::string::npos);
  CHECK(refusal("--replicas 2").find("--replicas 2") == 0);
  CHECK(refusal("--preset tiny --model m.toml").find("--preset, --model and --swarm") == 0);
  CHECK(refusal("--device tpu").find("--device tpu") == 0);
  CHECK(refusal("--resume a --out b").find("--out") == 0);
  CHECK(refusal("--resume a --force").find("--force") == 0);
  CHECK(refusal("--threads 2 --device cuda:1").empty());
}

TEST_CASE("a resumed run may change its length, speed and line, nothing else") {
  CHECK(refusal("--resume d --steps 9 --lr 0.1 --stages 2 --window 3 --device cpu").empty());
  for (const std::string flags :
       {"--seed 2", "--batch 4", "--context 16", "--method gpipe", "--accumulate 2", "--data x",
        "--preset tiny", "--model m", "--lock-step"}) {
    CAPTURE(flags);
    CHECK(refusal("--resume d " + flags).find("cannot change") != std::string::npos);
  }
}

TEST_CASE("another number of stages at a resume means a new split") {
  config::SwarmConfig swarm;
  swarm.stages = 4;
  swarm.split = {1, 1, 1, 1};
  const auto before = swarm;
  REQUIRE(settle_resumed_run(parsed("--resume d --steps 9"), swarm));
  CHECK(swarm.split == before.split);
  REQUIRE(settle_resumed_run(parsed("--resume d --stages 2"), swarm));
  CHECK(swarm.split.empty());
  REQUIRE(settle_resumed_run(parsed("--resume d --split 3,1"), swarm));
  CHECK(swarm.stages == 2);
  CHECK(swarm.split == std::vector<std::uint32_t>{3, 1});
}

}  // namespace brigade::cli

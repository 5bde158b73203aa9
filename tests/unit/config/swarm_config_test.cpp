#include "config/swarm_config.hpp"

#include <string>

#include "base/random.hpp"
#include "config/methods.hpp"
#include "config/presets.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

using namespace brigade;
using namespace brigade::config;

namespace {

std::string error_of(const std::string& text) {
  const auto parsed = parse_swarm_config(text, "swarm.toml");
  return parsed ? "" : parsed.error().message;
}

SwarmConfig four_stages() {
  SwarmConfig config;
  config.stages = 4;
  return config;
}

std::string fault_of(const SwarmConfig& config) {
  const auto done = check(config);
  return done ? "" : done.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an empty file is the defaults") {
  CHECK(parse_swarm_config("", "swarm.toml").value() == SwarmConfig{});
}

TEST_CASE("what is written is read back the same") {
  SwarmConfig config = four_stages();
  config.name = "wet-paint_2";
  config.split = {1, 1, 1, 1};
  config.model.layer_norm_epsilon = 1.25e-7;
  config.data.train = "a \"quoted\" \\ path/\xc3\xa4";
  config.method.tau = "2.5";
  config.method.clip = 0;
  config.method.learning_rate = 1.0 / 3;
  config.run.window = 7;
  config.run.seed = 9'223'372'036'854'775'807ULL;
  config.run.lock_step = true;
  REQUIRE(fault_of(config) == "");
  const std::string text = to_toml(config);
  INFO(text);
  CHECK(parse_swarm_config(text, "swarm.toml").value() == config);
  CHECK(to_toml(parse_swarm_config(text, "swarm.toml").value()) == text);
}

TEST_CASE("any sound learning rate survives being written") {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    SwarmConfig config;
    config.method.learning_rate = random.uniform() * (round % 2 == 0 ? 1.0 : 1e-9) + 1e-300;
    const auto read = parse_swarm_config(to_toml(config), "swarm.toml");
    REQUIRE(read);
    CHECK(read->method.learning_rate == config.method.learning_rate);
  }
}

TEST_CASE("a wrong value is named with its place and what was expected") {
  CHECK(error_of("\n[run]\nbatch = \"eight\"\n") ==
        "swarm.toml:3:9: run.batch must be a whole number from 1 to 4096, not \"eight\"");
  CHECK(error_of("[run]\nbatch = 0\n") ==
        "swarm.toml:2:9: run.batch must be a whole number from 1 to 4096, not 0");
  CHECK(contains(error_of("[run]\nseed = -4\n"), "not -4"));
  CHECK(contains(error_of("[run]\nbatch = 8.0\n"), "run.batch must be a whole number"));
  CHECK(contains(error_of("[run]\nlock_step = 1\n"), "must be true or false, not 1"));
  CHECK(contains(error_of("[data]\ntrain = 1979-05-27\n"), "not a date or time"));
  CHECK(contains(error_of("split = [\"a\"]\n"), "not a list of 1 texts"));
  CHECK(contains(error_of("[method]\nlearning_rate = nan\n"), "a number above 0 up to 10"));
  CHECK(contains(error_of("[method]\nlearning_rate = inf\n"), "not inf"));
  CHECK(contains(error_of("[method]\nname = \"nestrov\"\n"), "must be one of nesterov, "));
  CHECK(contains(error_of("[method]\ntau = \"sometimes\"\n"), "measured, nominal, or a number"));
}

TEST_CASE("a long or unprintable value does not flood the error") {
  const std::string message = error_of("[method]\nname = \"" + std::string(5000, 'x') + "\"\n");
  CHECK(message.size() < 300);
  CHECK(contains(message, "…"));
  CHECK(error_of("name = \"a\\nb\"\n").find('\n') == std::string::npos);
}

TEST_CASE("an unknown key is named with what was probably meant") {
  CHECK(error_of("[run]\nbach = 4\n") ==
        "swarm.toml:2:1: unknown key run.bach; did you mean run.batch?");
  CHECK(contains(error_of("batch = 4\n"), "did you mean run.batch?"));
  CHECK(contains(error_of("[method]\nlearningrate = 1\n"), "did you mean method.learning_rate?"));
  CHECK(error_of("zebra = 1\n") == "swarm.toml:1:1: unknown key zebra, see docs/configuration.md");
  CHECK(contains(error_of("[zebra]\n"), "unknown key zebra"));
  CHECK(contains(error_of("\"run.batch\" = 4\n"), "unknown key"));
  CHECK(contains(error_of("run = 4\n"), "run is a section: write [run]"));
}

TEST_CASE("text that is no TOML is an error with its place") {
  CHECK(contains(error_of("[run\nbatch = 4\n"), "swarm.toml:1:"));
  CHECK(contains(error_of("[run]\nbatch = 4\nbatch = 5\n"), "swarm.toml:3:"));
  CHECK(contains(error_of(std::string("name = \"\xff\"\n")), "swarm.toml:1:"));
  CHECK(contains(error_of(std::string(2'000'000, '#')), "larger than the bound"));
}

TEST_CASE("words that stand for zero are understood and written") {
  const auto config = parse_swarm_config(
      "[run]\nwindow = \"auto\"\n[method]\nclip = \"off\"\nwarmup = 0\n", "swarm.toml");
  REQUIRE(config);
  CHECK(config->run.window == 0);
  CHECK(config->method.clip == 0);
  const std::string text = to_toml(*config);
  CHECK(contains(text, "window = \"auto\""));
  CHECK(contains(text, "clip = \"off\""));
  CHECK(contains(text, "warmup = \"auto\""));
}

TEST_CASE("more stages than blocks are refused where the file says so") {
  CHECK(error_of("stages = 5\n") ==
        "swarm.toml:1:10: stages is 5: 5 stages need at least 5 blocks, the model has 4");
}

TEST_CASE("settings that contradict each other are refused by name") {
  SwarmConfig config = four_stages();
  REQUIRE(fault_of(config) == "");
  SECTION("heads that do not divide the width") {
    config.model.heads = 3;
    CHECK(contains(fault_of(config), "model.heads must divide model.width"));
  }
  SECTION("sequences longer than the position table") {
    config.run.context = 129;
    CHECK(contains(fault_of(config), "run.context is 129 tokens"));
  }
  SECTION("a split of another number of stages") {
    config.split = {2, 2};
    CHECK(fault_of(config) == "split names 2 stages, the swarm has 4");
  }
  SECTION("a split that does not sum to the blocks") {
    config.split = {1, 1, 1, 2};
    CHECK(fault_of(config) == "split adds up to 5 blocks, the model has 4");
  }
  SECTION("a window for a synchronous method") {
    config.method.name = "gpipe";
    config.run.window = 4;
    CHECK(contains(fault_of(config), "run.window has no meaning for gpipe"));
  }
  SECTION("lock-step for a synchronous method") {
    config.method.name = "gpipe";
    config.run.lock_step = true;
    CHECK(contains(fault_of(config), "run.lock_step is for asynchronous methods"));
  }
  SECTION("a group that can't be in flight at once") {
    config.method.name = "gpipe";
    config.method.accumulate = 4096;
    CHECK(contains(fault_of(config), "method.accumulate is 4096"));
  }
  SECTION("a lock-step window that would stand still") {
    config.run.lock_step = true;
    config.run.window = 3;
    CHECK(contains(fault_of(config), "in lock-step 4 micro-batches must be in flight"));
  }
  SECTION("a warm-up longer than the run") {
    config.method.warmup = 2000;
    CHECK(contains(fault_of(config), "method.warmup is 2000"));
  }
  SECTION("an activation that no link carries") {
    config.run.batch = 4096;
    config.model.width = 4096;
    CHECK(contains(fault_of(config), "run.batch is too large"));
  }
  SECTION("a setting made in code that is outside its domain") {
    config.run.batch = 0;
    CHECK(fault_of(config) == "run.batch must be a whole number from 1 to 4096, not 0");
  }
  SECTION("a staleness that is neither word nor number") {
    config.method.tau = "soon";
    CHECK(contains(fault_of(config), "method.tau must be"));
  }
}

TEST_CASE("what belongs to one method is refused for another") {
  SwarmConfig config = four_stages();
  config.method.look_ahead = 0.5;
  CHECK(contains(fault_of(config), "nesterov-muon"));
  config.method.look_ahead = 1;
  config.method.muon_refresh = 2;
  CHECK(contains(fault_of(config), "does without Muon"));
  config.method.muon_refresh = 0;
  config.method.optimizer = "muon";
  CHECK(contains(fault_of(config), "brings its own"));
  config.method.optimizer = "auto";
  config.method.name = "2bw";
  config.method.accumulate = 1;
  CHECK(contains(fault_of(config), "two versions"));
}

TEST_CASE("every method passes with nothing but its name, and has a rate of its own") {
  for (const Method& method : methods()) {
    SwarmConfig config;
    config.method.name = std::string(method.name);
    INFO(method.name);
    config.stages = 4;
    CHECK(check(config).has_value());
    CHECK(learning_rate_of(config) > 0);
    CHECK(accumulate_of(config) == (method.has_groups ? 4 : 1));
    CHECK(muon_refresh_of(config) == (method.is_synchronous ? 1 : 2));
    CHECK(accumulate_follows(config) == (method.name == "paci"));
  }
}

TEST_CASE("flags set what their names say") {
  SwarmConfig config = four_stages();
  const auto set = [&](std::string_view flag, std::string_view text) {
    const auto* option = find_flag(flag);
    REQUIRE(option != nullptr);
    return set_from_flag(config, *option, text);
  };
  CHECK(set("--lr", "3e-4"));
  CHECK(config.method.learning_rate == 3e-4);
  CHECK(set("--window", "auto"));
  CHECK(set("--window", "16"));
  CHECK(config.run.window == 16);
  CHECK(set("--split", "2,1,1"));
  CHECK(config.split == std::vector<std::uint32_t>{2, 1, 1});
  CHECK(set("--tau", "nominal"));
  CHECK(set("--tau", "3"));
  CHECK(config.method.tau == "3.0");
  CHECK(set("--lock-step", "true"));
  CHECK(config.run.lock_step);
  CHECK(set("--clip", "off"));
  CHECK(config.method.clip == 0);

  CHECK(set("--batch", "eight").error().message ==
        "--batch must be a whole number from 1 to 4096, not \"eight\"");
  CHECK_FALSE(set("--split", "2,,1"));
  CHECK_FALSE(set("--steps", "-1"));
  CHECK_FALSE(set("--lr", "nan"));
  CHECK_FALSE(set("--lr", ""));
  CHECK(find_flag("--nonsense") == nullptr);
  CHECK(find_flag("") == nullptr);
}

TEST_CASE("every flag that brigade local promises exists") {
  for (const char* flag :
       {"--stages", "--method", "--split", "--steps", "--seed", "--batch", "--context", "--lr",
        "--warmup", "--clip", "--accumulate", "--tau", "--recompute", "--window", "--codec",
        "--lock-step", "--eval-every", "--checkpoint-every"}) {
    INFO(flag);
    CHECK(find_flag(flag) != nullptr);
  }
}

TEST_CASE("data paths are beside the file and outside the canonical text") {
  const test::TemporaryFolder folder;
  const auto file =
      folder.write("run/swarm.toml", "[data]\ntrain = \"train.bin\"\nvalidation = \"/abs/val\"\n");
  const auto config = load_swarm_config(file);
  REQUIRE(config);
  CHECK(config->data.train == (folder / "run/train.bin").string());
  CHECK(config->data.validation == "/abs/val");
  SwarmConfig elsewhere = *config;
  elsewhere.data.train = "/elsewhere";
  CHECK(canonical_text(*config) == canonical_text(elsewhere));
  elsewhere.run.seed = 99;
  CHECK(canonical_text(*config) != canonical_text(elsewhere));
}

TEST_CASE("a missing file and a folder are one clear line") {
  const test::TemporaryFolder folder;
  CHECK(contains(load_swarm_config(folder / "none.toml").error().message, "none.toml"));
  CHECK(contains(load_swarm_config(folder.path()).error().message, "is a folder"));
}

TEST_CASE("a preset is sound and brings model and run") {
  for (const Preset& preset : presets()) {
    SwarmConfig config = four_stages();
    apply_preset(preset, config);
    INFO(preset.name);
    CHECK(fault_of(config) == "");
    CHECK(config.model.width == preset.model.width);
    CHECK(config.run.context == preset.model.context);
  }
  CHECK(find_preset("tiny"));
  CHECK(contains(find_preset("huge").error().message, "there are tiny, "));
}

TEST_CASE("a model file is the model section of any swarm file") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("model.toml", "[model]\nwidth = 96\nheads = 6\nblocks = 12\n");
  const auto model = load_model_config(file);
  REQUIRE(model);
  CHECK(model->width == 96);
  CHECK_FALSE(load_model_config(folder.write("bad.toml", "[model]\nwith = 96\n")));
}

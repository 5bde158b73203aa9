#include "config/plan_config.hpp"

#include <string>

#include "tests/catch.hpp"

using namespace brigade;
using namespace brigade::config;

namespace {

const std::string kLeast = "stages = 2\n[[machines]]\ncount = 3\nper_minute = 8\n";

std::string error_of(const std::string& text) {
  const auto plan = parse_plan(text, "plan.toml");
  return plan ? std::string() : plan.error().message;
}

}  // namespace

TEST_CASE("the least plan has machines of one kind and nothing happens to them") {
  const auto plan = parse_plan(kLeast, "plan.toml");
  REQUIRE(plan);
  CHECK(plan->stages == 2);
  REQUIRE(plan->machines.size() == 1);
  CHECK(plan->machines[0].count == 3);
  CHECK(plan->machines[0].per_minute == 8);
  CHECK_FALSE(stage_of(plan->machines[0]));
  CHECK(plan->events.empty());
}

TEST_CASE("kinds of machines and events come in the order of the file") {
  const auto plan = parse_plan(kLeast +
                                   "[[machines]]\nname = \"fast\"\nper_minute = 60\nstage = 1\n"
                                   "[[events]]\nat_s = 5\nmachines = \"fast\"\nwhat = \"slow\"\n",
                               "plan.toml");
  REQUIRE(plan);
  REQUIRE(plan->machines.size() == 2);
  CHECK(stage_of(plan->machines[1]) == 1U);
  REQUIRE(plan->events.size() == 1);
  CHECK(plan->events[0].what == "slow");
}

TEST_CASE("what is wrong with a plan is said with its place") {
  CHECK(error_of("stages = 2\n").find("plan.toml: machines are missing") == 0);
  CHECK(error_of("[[machines]]\nper_minute = 1\n").find("stages is missing") != std::string::npos);
  CHECK(error_of("stages = 2\n[[machines]]\ncount = 1\n").find("machines[0].per_minute") !=
        std::string::npos);
  CHECK(error_of(kLeast + "stage = \"first\"\n").find("plan.toml:5:9: machines[0].stage") == 0);
  CHECK(error_of(kLeast + "stage = 2\n").find("a number from 0 to 1") != std::string::npos);
  CHECK(error_of(kLeast + "stage = 0.5\n").find("machines[0].stage") != std::string::npos);
  CHECK(error_of(kLeast + "[[events]]\nmachines = \"none\"\n").find("plan.toml:6:12: events[0]") ==
        0);
  CHECK(error_of(kLeast + "[[machines]]\ncount = 20000\nper_minute = 1\n")
            .find("at most 20000 can be simulated") != std::string::npos);
  CHECK(error_of(kLeast + "per_minute_most = 7\n").find("plan.toml:5:19: machines[0].per") == 0);
  CHECK(error_of(kLeast + "dies_every_h = 0.0001\n").find("machines[0].dies_every_h") !=
        std::string::npos);
  CHECK(error_of(kLeast + "[[events]]\nat_s = 1200\n").find("after the end") != std::string::npos);
  CHECK(error_of("minutes = 0.001\n" + kLeast).find("minutes") != std::string::npos);
  CHECK(error_of(kLeast + "[[machines]]\nper_minute = 1\n[[events]]\nmachines = \"machines\"\n")
            .find("are several") != std::string::npos);
  CHECK(error_of(kLeast + "colour = 1\n").find("colour") != std::string::npos);
}

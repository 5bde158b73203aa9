#include "sim/forecast.hpp"

#include "tests/catch.hpp"

using namespace brigade;
using namespace brigade::sim;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

Plan alike(std::uint32_t stages, std::uint32_t machines, double per_second) {
  Plan plan;
  plan.stages = stages;
  plan.lasts = minutes{10};
  plan.activation_bytes = 100'000;
  for (std::uint32_t i = 0; i < machines; ++i) {
    Plan::Machine machine;
    machine.per_second = per_second;
    machine.line = milliseconds{5};
    machine.bytes_per_second = 10'000'000;
    plan.machines.push_back(machine);
  }
  return plan;
}

Plan averaging(std::uint32_t stages, std::uint32_t machines) {
  Plan plan = alike(stages, machines, 1);
  plan.average_every = 4;
  return plan;
}

}  // namespace

TEST_CASE("machines go where the least can be computed, the quickest first") {
  Plan plan = alike(2, 4, 1);
  plan.machines[2].per_second = 3;
  plan.machines[3].stage = 1;
  // Machine 3 is told to be at stage 1; 2 goes to stage 0, the others even out stage 1.
  CHECK(place(plan) == std::vector<std::uint32_t>{1, 1, 0, 1});
}

TEST_CASE("machines that are alike and stay are busy nearly all the time") {
  const Forecast found = forecast(alike(3, 6, 1));
  CHECK(found.violation.empty());
  CHECK(found.possible == Approx(2));
  CHECK(found.rate > 0.9 * found.possible);
  CHECK(found.rate < 1.05 * found.possible);
  CHECK(found.died == 0);
  REQUIRE(found.stages.size() == 3);
  for (const Forecast::Stage& stage : found.stages) {
    CHECK(stage.machines == 2);
    CHECK(stage.busy > 0.9);
  }
  CHECK(found.stages[0].staleness > found.stages[2].staleness);
}

TEST_CASE("with twice the replicas a line trains twice as fast, in the window that it finds") {
  for (const std::uint32_t stages : {2U, 4U, 8U}) {
    const Forecast one = forecast(averaging(stages, stages));
    for (const std::uint32_t replicas : {2U, 4U}) {
      const Forecast more = forecast(averaging(stages, replicas * stages));
      CAPTURE(stages, replicas, one.rate, more.rate);
      CHECK(more.rate > 0.95 * replicas * one.rate);
    }
  }
}

TEST_CASE("a stage with less than the others is the slowest, and sets the rate") {
  Plan plan = alike(2, 3, 1);
  plan.machines[0].stage = plan.machines[1].stage = 0;
  plan.machines[2].stage = 1;
  const Forecast found = forecast(plan);
  CHECK(found.slowest == 1);
  CHECK(found.stages[0].busy < 0.6);
  CHECK(found.rate > 0.85);
}

TEST_CASE("a death is found in the rate, and what is left goes on") {
  Plan plan = alike(2, 6, 1);
  Plan::Event kill;
  kill.at = minutes{5};
  kill.count = 1;
  plan.events.push_back(kill);
  const Forecast found = forecast(plan);
  CHECK(found.violation.empty());
  REQUIRE(found.events.size() == 1);
  CHECK(found.events[0].machines.size() == 1);
  CHECK(found.events[0].possible == Approx(2.0 / 3).margin(0.01));
  REQUIRE(found.events[0].recovered_s);
  CHECK(*found.events[0].recovered_s < 60);
  CHECK(found.died > 0);
  CHECK(found.moments.back().possible == Approx(2));
}

TEST_CASE("machines that die now and then come back, and the same seed gives the same") {
  Plan plan = alike(2, 8, 1);
  for (Plan::Machine& machine : plan.machines) {
    machine.dies_every = minutes{5};
    machine.away = seconds{30};
  }
  const Forecast found = forecast(plan);
  CHECK(found.violation.empty());
  CHECK(found.deaths > 5);
  CHECK(found.deaths < 40);
  CHECK(found.possible < 4);
  CHECK(found.possible > 2);
  CHECK(found.microbatches > 600);
  const Forecast again = forecast(plan);
  CHECK(again.microbatches == found.microbatches);
  CHECK(again.died == found.died);
}

TEST_CASE("a stage that is gone for a while is back when it trains as before") {
  Plan plan = alike(2, 4, 1);
  Plan::Event kill;
  kill.at = minutes{5};
  kill.lasts = seconds{60};
  kill.count = 4;
  plan.events.push_back(kill);
  const Forecast found = forecast(plan);
  CHECK(found.events[0].possible == Approx(0));
  REQUIRE(found.events[0].recovered_s);
  CHECK(*found.events[0].recovered_s >= 60);
  CHECK(found.events[0].stood_still_s >= 55);
  CHECK(found.deaths == 4);
}

TEST_CASE("who has left does not come back, and a machine that is slow may be idle") {
  Plan plan = alike(2, 6, 1);
  for (std::uint32_t i = 0; i < 6; ++i) {
    plan.machines[i].stage = i < 2 ? 0 : 1;
    plan.machines[i].dies_every = minutes{4};
    plan.machines[i].away = seconds{10};
  }
  Plan::Event leave;
  leave.what = SwarmFault::Kind::kLeave;
  leave.at = seconds{1};
  leave.count = 6;
  plan.events.push_back(leave);
  CHECK(forecast(plan).rate == Approx(0).margin(0.01));

  plan = alike(2, 6, 1);
  for (std::uint32_t i = 0; i < 6; ++i) plan.machines[i].stage = i < 2 ? 0 : 1;
  Plan::Event slow;
  slow.what = SwarmFault::Kind::kSlow;
  slow.factor = 2;
  slow.count = 6;
  plan.events.push_back(slow);
  const Forecast found = forecast(plan);
  CHECK(found.stages[0].busy > 0.85);
  CHECK(found.stages[1].busy < 0.6);
}

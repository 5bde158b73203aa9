#include "daemon/engine.hpp"

#include <future>
#include <thread>

#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

StageFactory factory_of(std::uint32_t index, std::uint32_t stages) {
  return [=]() -> Result<std::unique_ptr<stage::Stage>> {
    return std::unique_ptr<stage::Stage>(std::make_unique<FakeStage>(index, stages));
  };
}

TEST_CASE("tasks are carried out in order on a thread of their own, which measures itself") {
  std::vector<Version> versions;
  std::thread::id worker;
  std::promise<void> done;
  Engine engine(shape_of({1, 3, 1, 1}), [&](ComputeOutcome outcome) {
    worker = std::this_thread::get_id();
    versions.push_back(std::get<UpdateOutcome>(outcome).version);
    if (versions.size() == 3) done.set_value();
  });
  const auto facts = engine.start(factory_of(1, 3), nullptr);
  REQUIRE(facts.has_value());
  CHECK(facts->parameters == 10);
  CHECK(facts->device == "paper");
  for (std::uint64_t update = 0; update < 3; ++update)
    engine.submit(UpdateTask{{.update = update}, Version(update)});
  done.get_future().wait();
  engine.stop();
  CHECK(versions == std::vector{Version(1), Version(2), Version(3)});
  CHECK(worker != std::this_thread::get_id());
  CHECK(engine.counters().busy_seconds > 0);
  CHECK(engine.counters().cpu_seconds > 0);
  CHECK(engine.counters().weight_versions == 1);
}

TEST_CASE("a stage that can't be built is an error of the start") {
  Engine engine(shape_of({1, 3, 1, 1}), [](ComputeOutcome) {});
  const auto facts = engine.start(
      []() -> Result<std::unique_ptr<stage::Stage>> {
        return make_error(ErrorCode::kUnsupported, "no such device");
      },
      nullptr);
  REQUIRE(facts.has_error());
  CHECK(facts.error().message == "no such device");
  engine.stop();
}

TEST_CASE("stopping drops what waits and can be repeated") {
  Engine engine(shape_of({1, 3, 1, 1}), [](ComputeOutcome) {});
  REQUIRE(engine.start(factory_of(1, 3), nullptr).has_value());
  engine.stop();
  engine.submit(UpdateTask{});
  engine.stop();
  CHECK(engine.counters().busy_seconds == 0);
}

}  // namespace
}  // namespace brigade::daemon::testing

#include "daemon/stability_watch.hpp"

#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

/// Warnings over `updates` with that norm and a loss that changes by `slope` each time.
int warnings(StabilityWatch& watch, std::uint64_t updates, double norm, double& loss,
             double slope) {
  int count = 0;
  for (std::uint64_t i = 0; i < updates; ++i) {
    watch.on_loss(loss += slope);
    if (const auto text = watch.on_update(norm)) {
      CHECK(text->find("and the loss stays at") != std::string::npos);
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("norms that explode over a plateau are told, after a while and not again and again") {
  StabilityWatch watch;
  double loss = 4;
  CHECK(warnings(watch, 1000, 2, loss, -0.0005) == 0);
  CHECK(warnings(watch, StabilityWatch::kPatience, 120, loss, 0) == 0);
  CHECK(warnings(watch, StabilityWatch::kReminder, 120, loss, 0) == 1);
  CHECK(warnings(watch, StabilityWatch::kReminder, 120, loss, 0) == 1);
}

TEST_CASE("healthy norms, a few bad ones and a loss that falls are no news") {
  StabilityWatch watch;
  double loss = 8;
  CHECK(warnings(watch, 5000, 3, loss, 0) == 0);   // a plateau alone
  CHECK(warnings(watch, 100, 300, loss, 0) == 0);  // a bad moment
  CHECK(warnings(watch, 1000, 3, loss, 0) == 0);
  CHECK(warnings(watch, 2000, 60, loss, -0.001) == 0);  // large norms, and it learns
}

TEST_CASE("a model whose norms were always large is healthy") {
  StabilityWatch watch;
  double loss = 8;
  CHECK(warnings(watch, 5000, 50, loss, 0) == 0);
}

TEST_CASE("a stage that does not see the loss tells of its norms alone") {
  StabilityWatch watch;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(watch.on_update(2));
  int count = 0;
  for (int i = 0; i < 1000; ++i) {
    if (const auto text = watch.on_update(90)) {
      CHECK(text->find("loss") == std::string::npos);
      ++count;
    }
  }
  CHECK(count == 1);
}

}  // namespace brigade::daemon

#include "daemon/watch_queue.hpp"

#include "tests/catch.hpp"

namespace brigade::daemon::testing {
namespace {

control::v1::WatchEvent step(std::uint64_t position) {
  control::v1::WatchEvent event;
  event.mutable_step()->set_position(position);
  return event;
}

control::v1::WatchEvent status(std::uint64_t position) {
  control::v1::WatchEvent event;
  event.mutable_status()->set_position(position);
  return event;
}

TEST_CASE("events come out in the order in which they happened") {
  WatchQueue queue(10);
  for (std::uint64_t position = 1; position <= 3; ++position) REQUIRE(queue.push(step(position)));
  for (std::uint64_t position = 1; position <= 3; ++position)
    CHECK(queue.pop()->step().position() == position);
  CHECK_FALSE(queue.pop().has_value());
}

TEST_CASE("a newer status replaces one that waits, behind the events before it") {
  WatchQueue queue(10);
  REQUIRE(queue.push(status(1)));
  REQUIRE(queue.push(step(1)));
  REQUIRE(queue.push(status(2)));
  CHECK(queue.pop()->has_step());
  CHECK(queue.pop()->status().position() == 2);
  CHECK(queue.is_empty());
}

TEST_CASE("a watcher that does not read is cut at the bound instead of losing a step") {
  WatchQueue queue(3);
  REQUIRE(queue.push(step(1)));
  REQUIRE(queue.push(status(1)));
  REQUIRE(queue.push(step(2)));
  CHECK(queue.push(status(2)));  // takes the place of the other
  CHECK_FALSE(queue.push(step(3)));
}

}  // namespace
}  // namespace brigade::daemon::testing

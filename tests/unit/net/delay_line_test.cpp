#include "daemon/delay_line.hpp"

#include <chrono>
#include <vector>

#include "base/limits.hpp"
#include "tests/catch.hpp"

namespace brigade::daemon::testing {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::seconds{1}};
constexpr milliseconds kDelay{50};

/// A line that writes down what it tells.
struct TestQueue : DelayQueue {
  TestQueue() : DelayQueue(kDelay) {}

  bool message(TimePoint now, int number, std::size_t bytes = 0) {
    return hold_message(now, bytes, [this, number] { told.push_back(number); });
  }
  void news(TimePoint now, int number) {
    hold_news(now, [this, number] { told.push_back(number); });
  }
  std::vector<int> told_by(TimePoint now) {
    told.clear();
    while (const auto tell = take(now)) (*tell)();
    return told;
  }

  std::vector<int> told;
};

TEST_CASE("a message leaves the delay line after its delay and not before") {
  TestQueue line;
  REQUIRE(line.message(kStart, 7));
  CHECK(line.next_wakeup() == kStart + kDelay);
  CHECK(line.told_by(kStart + kDelay - Duration{1}).empty());
  CHECK(line.told_by(kStart + kDelay) == std::vector{7});
  CHECK(line.next_wakeup() == kNever);
}

TEST_CASE("messages leave the delay line in the order in which they came") {
  TestQueue line;
  for (int number = 0; number < 5; ++number)
    REQUIRE(line.message(kStart + milliseconds{number}, number));
  CHECK(line.told_by(kStart + kDelay + milliseconds{2}) == std::vector{0, 1, 2});
  CHECK(line.told_by(kStart + kDelay + milliseconds{9}) == std::vector{3, 4});
}

TEST_CASE("the last words of a peer that left are told before its leaving") {
  TestQueue line;
  line.news(kStart, 1);
  REQUIRE(line.message(kStart, 2));
  line.news(kStart, 3);
  CHECK(line.told_by(kStart).empty());
  CHECK(line.told_by(kStart + kDelay) == std::vector{1, 2, 3});
}

TEST_CASE("a delay line that is full refuses messages, and takes them again when it is not") {
  TestQueue line;
  SECTION("by their number") {
    for (std::uint32_t count = 0; count < limits::kMaxReceiveBacklogFrames; ++count)
      REQUIRE(line.message(kStart, 0));
  }
  SECTION("by their bytes") {
    REQUIRE(line.message(kStart, 0, limits::kMaxReceiveBacklogBytes));
    CHECK(line.bytes() == limits::kMaxReceiveBacklogBytes);
  }
  CHECK_FALSE(line.message(kStart, 1, 1));
  line.news(kStart, 2);
  CHECK(line.told_by(kStart + kDelay).back() == 2);
  CHECK(line.bytes() == 0);
  CHECK(line.message(kStart, 3, 1));
}

TEST_CASE("a message larger than the bound passes an empty delay line") {
  TestQueue line;
  CHECK(line.message(kStart, 1, limits::kMaxReceiveBacklogBytes + 1));
  CHECK(line.told_by(kStart + kDelay) == std::vector{1});
}

}  // namespace
}  // namespace brigade::daemon::testing

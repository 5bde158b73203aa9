#include "swarm/window_control.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// A line without noise: a window of W brings back min(W / round trip, 1 / pace, limit) a second.
struct Line {
  double round_trip_s = 0.1;
  Duration pace = milliseconds{10};
  double limit = 1e9;  // gradients a second

  double rate(std::uint32_t window) const {
    const double computing = 1 / std::chrono::duration<double>(pace).count();
    return std::min({window / round_trip_s, computing, limit});
  }
  /// The smallest window that is as fast as any.
  std::uint32_t knee() const {
    std::uint32_t window = 1;
    while (rate(window) < 0.98 * rate(1000)) ++window;
    return window;
  }
};

struct Rig {
  WindowControl control;
  TimePoint now{};
  std::vector<std::uint32_t> windows;
  std::vector<std::string> reasons;
  Load load{};

  explicit Rig(std::uint32_t first, std::uint32_t most = 1000) : control(first, most) {}

  void gradients(const Line& line, int count) {
    for (int i = 0; i < count; ++i) {
      const nanoseconds interval{static_cast<std::int64_t>(1e9 / line.rate(control.window()))};
      now += interval;
      load.pace = line.pace;
      load.computing += std::min<Duration>(line.pace, interval);
      load.elapsed += interval;
      if (!control.on_gradients(now, 1, load, true)) continue;
      windows.push_back(control.window());
      reasons.emplace_back(control.reason());
    }
  }
};

}  // namespace

TEST_CASE("the smallest window that keeps the slowest stage busy is found, from below and above") {
  for (const double round_trip_s : {0.01, 0.035, 0.1, 0.4, 1.0}) {
    for (const std::uint32_t first : {1U, 4U, 16U, 64U}) {
      Line line;
      line.round_trip_s = round_trip_s;
      Rig rig(first);
      rig.gradients(line, 8000);
      CAPTURE(round_trip_s, first, line.knee(), rig.windows);
      CHECK(rig.control.window() >= line.knee() - std::max(1U, line.knee() / 8));  // or a probe
      CHECK(rig.control.window() <= line.knee() + std::max(1U, line.knee() / 16));
    }
  }
}

TEST_CASE("each change has its reason") {
  Rig rig(4);
  rig.gradients(Line{}, 1500);
  REQUIRE_FALSE(rig.reasons.empty());
  CHECK(rig.reasons.front() == "the slowest stage was waiting");
  CHECK(rig.control.reason() == std::string("the smallest that keeps the slowest stage busy"));
  CHECK(rig.control.is_found());
  CHECK(rig.control.smoothed() == Approx(rig.control.window()).margin(1));
}

TEST_CASE("where a link is the limit the window stops growing once it brings back no more") {
  Line line;
  line.limit = 50;  // half of what the slowest stage can do
  Rig rig(2);
  rig.gradients(line, 1000);
  CAPTURE(rig.windows);
  CHECK(rig.control.window() == line.knee());
  CHECK(*std::max_element(rig.windows.begin(), rig.windows.end()) <= 4 * line.knee());
}

TEST_CASE("a machine that is slower for a while does not make a small window look enough") {
  // Handing over takes a twelfth of the slowest stage's time, whatever is in flight.
  const auto of_machine = [](int slower_percent) {
    Line line;
    line.pace = std::chrono::microseconds{100 * (100 + slower_percent)};
    line.limit = 0.92 / std::chrono::duration<double>(line.pace).count();
    return line;
  };
  for (const int period : {40, 150, 600, 2500}) {
    Rig rig(2);
    const auto train = [&](int from, int to) {
      double windows = 0;
      for (int i = from; i < to; ++i) {
        rig.gradients(of_machine(i / period % 2 == 0 ? 0 : 15), 1);
        windows += rig.control.window();
      }
      return windows / (to - from);
    };
    train(0, 10'000);
    const double mean = train(10'000, 20'000);
    CAPTURE(period, rig.windows);
    CHECK(mean >= of_machine(15).knee());  // the slow machine needs fewer
    CHECK(mean <= of_machine(0).knee() + 1);
  }
}

TEST_CASE("the window follows a stage that becomes slower, and one that becomes faster") {
  Line line;
  Rig rig(4);
  rig.gradients(line, 2000);
  line.pace *= 3;
  rig.gradients(line, 1500);
  CHECK(rig.control.window() == line.knee());
  line.pace /= 6;
  rig.gradients(line, 1500);
  CHECK(rig.control.window() == line.knee());
}

TEST_CASE("the window follows a way that becomes longer, and in time one that becomes shorter") {
  Line line;
  Rig rig(4);
  rig.gradients(line, 1000);
  line.round_trip_s = 0.2;
  rig.gradients(line, 1000);
  CHECK(rig.control.window() >= line.knee());
  CHECK(rig.control.window() <= line.knee() + 1);
  line.round_trip_s = 0.05;
  rig.gradients(line, 20'000);
  CHECK(rig.control.window() >= line.knee() - 1);
  CHECK(rig.control.window() <= line.knee());
}

TEST_CASE("trying less costs little, and less and less while nothing comes of it") {
  Line line;
  Rig rig(10);
  rig.gradients(line, 2000);
  const auto changes_before = rig.windows.size();
  rig.gradients(line, 20'000);
  CHECK(rig.windows.size() - changes_before <= 6);  // there and back, with pauses that double
}

TEST_CASE("the window stays within its bounds, and says so at the upper one") {
  Line line;
  line.round_trip_s = 10;
  Rig rig(4, 64);
  rig.gradients(line, 3000);
  CHECK(rig.control.window() == 64);
  CHECK(*std::max_element(rig.windows.begin(), rig.windows.end()) == 64);
  CHECK(std::string(rig.control.reason()).find("largest window allowed") != std::string::npos);
  line.round_trip_s = 0.001;
  rig.gradients(line, 100'000);
  CHECK(rig.control.window() == 1);
}

TEST_CASE("nothing is decided while the slowest stage's computing time is unknown") {
  Rig rig(4);
  Load load;
  for (int i = 0; i < 500; ++i) {
    rig.now += milliseconds{50};
    load.elapsed += milliseconds{50};
    CHECK_FALSE(rig.control.on_gradients(rig.now, 1, load, true));
  }
}

TEST_CASE("time in which something else held draws back is not measured") {
  Rig rig(10);
  const Line line;  // the knee is at 10
  for (int round = 0; round < 300; ++round) {
    rig.gradients(line, 20);
    rig.now += milliseconds{500};  // an evaluation
    rig.load.elapsed += milliseconds{500};
    CHECK_FALSE(rig.control.on_gradients(rig.now, 1, rig.load, false));
  }
  CHECK(rig.control.window() <= 10);
}

TEST_CASE("an outage moves nothing") {
  Rig rig(10);
  const Line line;
  rig.gradients(line, 1500);
  const auto window = rig.control.window();
  REQUIRE(rig.control.is_found());
  rig.now += std::chrono::seconds{30};
  rig.gradients(line, 100);
  CHECK(rig.control.window() == window);
  CHECK(rig.control.is_found());
}

TEST_CASE("an outage that the slowest stage feels later moves nothing either") {
  for (const int gradients : {40, 1500}) {  // while searching, while watching
    Rig rig(10);
    const Line line;
    rig.gradients(line, gradients);
    const auto changes = rig.windows.size();
    rig.now += std::chrono::seconds{30};
    rig.gradients(line, 3);
    rig.load.elapsed += std::chrono::seconds{30};
    rig.gradients(line, 20);
    CHECK(rig.windows.size() == changes);
  }
}

TEST_CASE("counters that go back or jump are not believed, and measuring goes on") {
  Rig rig(4);
  const Line line;
  const Load honest = rig.load;
  for (int round = 0; round < 200; ++round) {
    rig.gradients(line, 30);
    switch (round % 3) {
      case 0:
        rig.load.elapsed += std::chrono::hours{87'600};
        break;
      case 1:
        rig.load.elapsed = honest.elapsed;
        break;
      default:
        rig.load.computing += std::chrono::hours{100};
    }
  }
  rig.gradients(line, 1500);
  CHECK(rig.control.window() >= line.knee() - 1);
  CHECK(rig.control.window() <= line.knee() + 1);
}

TEST_CASE("another slowest stage is measured anew") {
  Rig rig(4);
  Line line;
  rig.gradients(line, 1500);
  REQUIRE(rig.control.is_found());
  rig.load = {StageIndex{3}, line.pace, std::chrono::hours{5}, std::chrono::hours{9}};
  rig.gradients(line, 1);
  CHECK_FALSE(rig.control.is_found());
  rig.gradients(line, 1500);
  CHECK(rig.control.window() >= line.knee() - 1);
  CHECK(rig.control.window() <= line.knee() + 1);
}

TEST_CASE("the window follows a stage that is many times slower all of a sudden") {
  for (const bool restarts : {false, true}) {
    Line line;
    line.round_trip_s = 0.01;
    Rig rig(2);
    rig.gradients(line, 500);
    line.pace *= 50;
    line.round_trip_s = 2;
    if (restarts) rig.control.restart();
    rig.gradients(line, 1000);
    CHECK(rig.control.window() >= line.knee() - 1);
    CHECK(rig.control.window() <= line.knee());
  }
}

}  // namespace brigade::swarm

#include "tests/emulator/pipe.hpp"

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "tests/catch.hpp"

namespace brigade::emulator {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds{1}};
constexpr std::uint64_t kSeed = 11;

Packet packet(std::size_t bytes, int number = 0) {
  Packet made(bytes);
  if (bytes > 0) made[0] = static_cast<std::byte>(number);
  return made;
}

Pipe shaped(const Shape& shape, std::uint64_t seed = kSeed) {
  Pipe pipe(seed);
  pipe.reshape(kStart, shape);
  return pipe;
}

struct Arrival {
  TimePoint when;
  int number = 0;
  std::size_t bytes = 0;
};

/// Jumps from wake-up to wake-up until the pipe is empty or `end` is reached.
std::vector<Arrival> run(Pipe& pipe, TimePoint end = kNever) {
  std::vector<Arrival> arrivals;
  for (TimePoint now = pipe.next_wakeup(); now < end; now = pipe.next_wakeup()) {
    while (auto out = pipe.poll(now))
      arrivals.push_back({now, static_cast<int>(out->at(0)), out->size()});
  }
  return arrivals;
}

TEST_CASE("a pipe without a shape passes a packet on at once") {
  Pipe pipe(kSeed);
  pipe.offer(kStart, packet(100));
  REQUIRE(pipe.next_wakeup() == kStart);
  CHECK(pipe.poll(kStart).has_value());
  CHECK(pipe.next_wakeup() == kNever);
}

TEST_CASE("a constant delay is kept to the nanosecond") {
  Pipe pipe = shaped({.delay = milliseconds{50}});
  pipe.offer(kStart + microseconds{3}, packet(1500));
  CHECK_FALSE(pipe.poll(kStart + milliseconds{50}).has_value());
  CHECK(pipe.next_wakeup() == kStart + milliseconds{50} + microseconds{3});
  CHECK(run(pipe).size() == 1);
  CHECK(pipe.counters().late_max == Duration{0});
}

TEST_CASE("a rate spaces packets by the time that their bits take") {
  Pipe pipe = shaped({.rate_bits_per_s = 8e6});  // a byte a microsecond
  for (int number = 0; number < 3; ++number) pipe.offer(kStart, packet(1000, number));
  const auto arrivals = run(pipe);
  REQUIRE(arrivals.size() == 3);
  for (int number = 0; number < 3; ++number) {
    CHECK(arrivals[static_cast<std::size_t>(number)].number == number);
    CHECK(arrivals[static_cast<std::size_t>(number)].when ==
          kStart + milliseconds{1} * (number + 1));
  }
}

TEST_CASE("a line that was idle saves up one burst and no more") {
  Pipe pipe = shaped({.rate_bits_per_s = 8e6, .burst_bytes = 2000});
  const TimePoint later = kStart + seconds{10};
  for (int number = 0; number < 4; ++number) pipe.offer(later, packet(1000, number));
  const auto arrivals = run(pipe);
  REQUIRE(arrivals.size() == 4);
  CHECK(arrivals[0].when == later);
  CHECK(arrivals[1].when == later);
  CHECK(arrivals[2].when == later + milliseconds{1});
  CHECK(arrivals[3].when == later + milliseconds{2});
}

TEST_CASE("a full queue drops what comes last, and counts it") {
  Pipe pipe = shaped({.rate_bits_per_s = 8e6, .queue_bytes = 3000});
  for (int number = 0; number < 5; ++number) pipe.offer(kStart, packet(1000, number));
  CHECK(pipe.counters().overflowed == 2);
  CHECK(pipe.counters().queue_peak_bytes == 3000);
  const auto arrivals = run(pipe);
  REQUIRE(arrivals.size() == 3);
  CHECK(arrivals.back().number == 2);
}

TEST_CASE("a packet larger than the queue still passes an idle line") {
  Pipe pipe = shaped({.rate_bits_per_s = 8e6, .queue_bytes = 100});
  pipe.offer(kStart, packet(1500));
  CHECK(run(pipe).size() == 1);
}

TEST_CASE("throughput over a long time is the rate, whatever is offered") {
  Pipe pipe = shaped({.delay = milliseconds{20}, .rate_bits_per_s = 20e6, .queue_bytes = 64'000});
  std::uint64_t delivered = 0;
  for (TimePoint now = kStart; now < kStart + seconds{10}; now += microseconds{200}) {
    pipe.offer(now, packet(1500));  // 60 Mbit/s
    while (auto out = pipe.poll(now)) delivered += out->size();
  }
  const double expected = 20e6 / 8 * (10 - 0.020);
  CHECK(std::abs(static_cast<double>(delivered) - expected) < 0.001 * expected);
}

TEST_CASE("a lower rate holds for what waits in the queue already") {
  Pipe pipe = shaped({.rate_bits_per_s = 8e6});
  for (int number = 0; number < 3; ++number) pipe.offer(kStart, packet(1000, number));
  const TimePoint change = kStart + milliseconds{1};
  pipe.reshape(change, {.rate_bits_per_s = 4e6});
  const auto arrivals = run(pipe);
  REQUIRE(arrivals.size() == 3);
  CHECK(arrivals[0].when == change);
  CHECK(arrivals[1].when == change + milliseconds{2});
  CHECK(arrivals[2].when == change + milliseconds{4});
}

TEST_CASE("taking the rate away empties the queue at once") {
  Pipe pipe = shaped({.rate_bits_per_s = 8e3});
  for (int number = 0; number < 3; ++number) pipe.offer(kStart, packet(1000, number));
  pipe.reshape(kStart + milliseconds{5}, {.delay = milliseconds{2}});
  for (const Arrival& arrival : run(pipe)) CHECK(arrival.when == kStart + milliseconds{7});
  CHECK(pipe.counters().delivered_packets == 3);
}

TEST_CASE("a shorter delay does not let packets overtake") {
  Pipe pipe = shaped({.delay = milliseconds{50}});
  pipe.offer(kStart, packet(10, 1));
  pipe.reshape(kStart + milliseconds{1}, {.delay = milliseconds{5}});
  pipe.offer(kStart + milliseconds{1}, packet(10, 2));
  const auto arrivals = run(pipe);
  REQUIRE(arrivals.size() == 2);
  CHECK(arrivals[0].number == 1);
  CHECK(arrivals[1].number == 2);
  CHECK(arrivals[1].when == kStart + milliseconds{50});
}

TEST_CASE("uniform jitter stays between half and twice the delay and reaches both ends") {
  Pipe pipe = shaped({.delay = milliseconds{40}, .jitter = Jitter::kUniform, .hold = Duration{0}});
  Duration least = seconds{1};
  Duration most{0};
  Duration sum{0};
  constexpr int kPackets = 4000;
  for (int i = 0; i < kPackets; ++i) {
    const TimePoint sent = kStart + seconds{1} * i;
    pipe.offer(sent, packet(10));
    const Duration took = run(pipe).at(0).when - sent;
    least = std::min(least, took);
    most = std::max(most, took);
    sum += took;
  }
  CHECK(least >= milliseconds{20});
  CHECK(least < milliseconds{21});
  CHECK(most <= milliseconds{80});
  CHECK(most > milliseconds{79});
  CHECK(std::abs((sum / kPackets - milliseconds{50}).count()) < 1'000'000);
}

TEST_CASE("normal jitter has the mean and the deviation that were asked for") {
  Pipe pipe = shaped({.delay = milliseconds{100},
                      .jitter = Jitter::kNormal,
                      .deviation = milliseconds{10},
                      .hold = Duration{0}});
  double sum = 0;
  double squares = 0;
  constexpr int kPackets = 10'000;
  for (int i = 0; i < kPackets; ++i) {
    const TimePoint sent = kStart + seconds{1} * i;
    pipe.offer(sent, packet(10));
    const std::chrono::duration<double, std::milli> took = run(pipe).at(0).when - sent;
    sum += took.count();
    squares += took.count() * took.count();
  }
  const double mean = sum / kPackets;
  CHECK(std::abs(mean - 100) < 0.5);
  CHECK(std::abs(std::sqrt(squares / kPackets - mean * mean) - 10) < 0.5);
}

TEST_CASE("a drawn delay holds for its time") {
  Pipe pipe =
      shaped({.delay = milliseconds{40}, .jitter = Jitter::kUniform, .hold = milliseconds{100}});
  std::vector<Duration> took;
  for (int i = 0; i < 300; ++i) pipe.offer(kStart + milliseconds{1} * i, packet(10, i));
  const auto arrivals = run(pipe);
  REQUIRE(arrivals.size() == 300);
  // All of the first hold travelled equally long.
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(arrivals[i].when - (kStart + milliseconds{i}) == arrivals[0].when - kStart);
}

TEST_CASE("jitter keeps the order unless reordering is asked for") {
  const bool reorders = GENERATE(false, true);
  Pipe pipe = shaped({.delay = milliseconds{40},
                      .jitter = Jitter::kUniform,
                      .hold = Duration{0},
                      .reorders = reorders});
  for (int i = 0; i < 100; ++i) pipe.offer(kStart + milliseconds{i}, packet(10, i));
  int inversions = 0;
  int last = -1;
  for (const Arrival& arrival : run(pipe)) {
    inversions += arrival.number < last ? 1 : 0;
    last = arrival.number;
  }
  CHECK((inversions > 0) == reorders);
}

TEST_CASE("loss and duplication come as often as asked, and the seed decides whom they hit") {
  const Shape shape{.loss_ratio = 0.1, .duplicate_ratio = 0.05};
  const auto fates = [&](std::uint64_t seed) {
    Pipe pipe = shaped(shape, seed);
    std::string text;
    for (int i = 0; i < 20'000; ++i) {
      pipe.offer(kStart, packet(10));
      text += static_cast<char>('0' + run(pipe).size());
    }
    CHECK(std::abs(static_cast<double>(pipe.counters().lost) - 2000) < 150);
    CHECK(std::abs(static_cast<double>(pipe.counters().duplicated) - 900) < 100);
    return text;
  };
  CHECK(fates(1) == fates(1));
  CHECK(fates(1) != fates(2));
}

TEST_CASE("a cut pipe loses what is offered and what is on its way, and works again when healed") {
  Shape shape{.delay = milliseconds{50}, .rate_bits_per_s = 8e6};
  Pipe pipe = shaped(shape);
  for (int i = 0; i < 60; ++i) pipe.offer(kStart, packet(1000));
  const TimePoint cut = kStart + milliseconds{55};
  CHECK(run(pipe, cut).size() == 4);  // those that left in the first 4 ms
  shape.is_cut = true;
  pipe.reshape(cut, shape);
  CHECK(pipe.next_wakeup() == kNever);
  pipe.offer(cut, packet(1000));
  CHECK(pipe.counters().cut == 57);
  shape.is_cut = false;
  pipe.reshape(cut + seconds{1}, shape);
  pipe.offer(cut + seconds{1}, packet(1000));
  CHECK(run(pipe).size() == 1);
}

TEST_CASE("every packet that was offered is accounted for once") {
  Shape shape{.delay = milliseconds{30},
              .jitter = Jitter::kUniform,
              .rate_bits_per_s = 5e6,
              .queue_bytes = 20'000,
              .loss_ratio = 0.02,
              .duplicate_ratio = 0.02};
  Pipe pipe = shaped(shape);
  Random random(5);
  TimePoint now = kStart;
  for (int i = 0; i < 50'000; ++i) {
    now += microseconds{random.below(4000)};
    pipe.offer(now, packet(40 + random.below(1460)));
    while (pipe.poll(now)) continue;
    if (i % 5000 == 2500) shape.is_cut = !shape.is_cut;
    if (i % 1000 == 0) shape.rate_bits_per_s = random.chance(0.2) ? 0 : 1e6 * random.uniform();
    if (i % 1000 == 0) pipe.reshape(now, shape);
  }
  shape.is_cut = false;
  shape.rate_bits_per_s = 0;
  pipe.reshape(now, shape);
  run(pipe);
  const Counters& count = pipe.counters();
  CHECK(count.packets + count.duplicated ==
        count.delivered_packets + count.lost + count.cut + count.overflowed);
  CHECK(count.cut > 0);
  CHECK(count.overflowed > 0);
}

}  // namespace
}  // namespace brigade::emulator

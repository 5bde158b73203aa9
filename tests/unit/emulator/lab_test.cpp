#include "tests/emulator/lab.hpp"

#include <chrono>
#include <string>

#include "tests/catch.hpp"
#include "tests/emulator/scenario.hpp"

namespace brigade::emulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds{1}};

Packet to_node(std::size_t node) {
  Packet packet(60);
  packet[0] = std::byte{0x45};
  for (std::size_t i = 0; i < 4; ++i)
    packet[16 + i] = static_cast<std::byte>(ipv4_of(node) >> (24 - 8 * i));
  return packet;
}

struct TestLab : Lab {
  TestLab() : Lab({"a", "b", "c"}, 1, kStart) {}

  void say(const std::string& line, TimePoint now = kStart) {
    const auto command = parse_command(line);
    REQUIRE(command.has_value());
    REQUIRE(submit(now, *command).has_value());
  }
  /// How long a packet takes; nothing: it is lost.
  std::optional<Duration> trip(std::size_t from, std::size_t to, TimePoint now = kStart) {
    offer(now, from, to_node(to));
    for (TimePoint then = now; then != kNever; then = next_wakeup()) {
      if (const auto arrival = poll(then)) {
        CHECK(arrival->node == to);
        return then - now;
      }
      if (next_wakeup() <= then) return std::nullopt;
    }
    return std::nullopt;
  }
};

TEST_CASE("a packet comes out at the node whose address it bears") {
  TestLab lab;
  CHECK(address_of(0) == "10.77.0.1");
  CHECK(lab.trip(0, 2) == Duration{0});
  CHECK(lab.trip(2, 1) == Duration{0});
}

TEST_CASE("what is for nobody is counted and goes nowhere") {
  TestLab lab;
  lab.offer(kStart, 0, to_node(3));
  lab.offer(kStart, 0, to_node(0));
  lab.offer(kStart, 0, Packet(10));
  Packet newer = to_node(1);
  newer[0] = std::byte{0x60};
  lab.offer(kStart, 0, newer);
  CHECK_FALSE(lab.poll(kStart).has_value());
  CHECK(lab.counters().back() == "strays 4");
}

TEST_CASE("a link has two directions, and one can be changed alone") {
  TestLab lab;
  lab.say("link a b delay 20ms");
  CHECK(lab.trip(0, 1) == milliseconds{20});
  CHECK(lab.trip(1, 0) == milliseconds{20});
  CHECK(lab.trip(0, 2) == Duration{0});
  lab.say("link b>a delay 70ms");
  CHECK(lab.trip(0, 1, kStart + seconds{1}) == milliseconds{20});
  CHECK(lab.trip(1, 0, kStart + seconds{1}) == milliseconds{70});
}

TEST_CASE("a star is every node, and a later command changes only what it names") {
  TestLab lab;
  lab.say("link * * delay 20ms loss 100%");
  CHECK_FALSE(lab.trip(0, 1).has_value());
  lab.say("link a * loss 0");
  CHECK(lab.trip(0, 2) == milliseconds{20});
  CHECK_FALSE(lab.trip(1, 2).has_value());
}

TEST_CASE("timed commands take effect at their time, in its order") {
  TestLab lab;
  lab.say("at 20 heal a b");
  lab.say("at 10 partition a b");
  CHECK(lab.next_wakeup() == kStart + seconds{10});
  CHECK(lab.trip(0, 1, kStart + seconds{9}) == Duration{0});
  CHECK_FALSE(lab.trip(0, 1, kStart + seconds{10}).has_value());
  CHECK(lab.trip(0, 2, kStart + seconds{15}) == Duration{0});
  CHECK(lab.trip(1, 0, kStart + seconds{20}) == Duration{0});
}

TEST_CASE("counters name the pairs that carried something") {
  TestLab lab;
  lab.trip(0, 1);
  const auto lines = lab.counters();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].rfind("pair a>b packets 1 bytes 60 delivered_packets 1 delivered_bytes 60", 0) ==
        0);
}

std::string refusal(const std::string& line) {
  const auto command = parse_command(line);
  return command ? "" : command.error().message;
}

TEST_CASE("commands are read with their units") {
  const auto command = parse_command(
      "at 12.5 link a b delay 50ms jitter 10ms hold 1s rate 20mbit burst 3kB queue 1MiB "
      "loss 0.1% duplicate 0.002 reorder on  # a comment");
  REQUIRE(command.has_value());
  CHECK(*command->at == milliseconds{12'500});
  Shape shape;
  REQUIRE(change(shape, command->settings).has_value());
  CHECK(shape.delay == milliseconds{50});
  CHECK(shape.jitter == Jitter::kNormal);
  CHECK(shape.deviation == milliseconds{10});
  CHECK(shape.hold == seconds{1});
  CHECK(shape.rate_bits_per_s == 20e6);
  CHECK(shape.burst_bytes == 3000);
  CHECK(shape.queue_bytes == 1'048'576);
  CHECK(shape.loss_ratio == Approx(0.001));
  CHECK(shape.duplicate_ratio == 0.002);
  CHECK(shape.reorders);
}

TEST_CASE("a wrong command says what is wrong with it") {
  CHECK(refusal("link a b delay 50") == "delay 50: must be a time such as 20ms or 0.5s");
  CHECK(refusal("link a b delay -5ms").find("must be a time") != std::string::npos);
  CHECK(refusal("link a b loss 2").find("at most 1") != std::string::npos);
  CHECK(refusal("link a b rate 0mbit").find("above 0") != std::string::npos);
  CHECK(refusal("link a b speed 5").find("must be delay, jitter") != std::string::npos);
  CHECK(refusal("link a b delay").find("pairs of KEY VALUE") != std::string::npos);
  CHECK(refusal("partition a").find("name two nodes") != std::string::npos);
  CHECK(refusal("heal a b c") == "c: one word too many");
  CHECK(refusal("at 5 counters").find("can be timed") != std::string::npos);
  CHECK(refusal("at soon link a b delay 5ms").find("must be seconds") != std::string::npos);
  CHECK(refusal("destroy a b").find("must be link, partition") != std::string::npos);
  TestLab lab;
  const auto command = parse_command("partition a d");
  REQUIRE(command.has_value());
  CHECK(lab.submit(kStart, *command).error().message == "d: there is no node of that name");
}

TEST_CASE("a scenario is nodes, a seed and a script") {
  const auto scenario = parse_scenario(
      "nodes = \"a b\"\nseed = 9\nmtu = 9000\nscript = \"\"\"\n# first\nlink * * delay 5ms\n\n"
      "at 3 partition a b\n\"\"\"\n",
      "x.toml");
  REQUIRE(scenario.has_value());
  CHECK(scenario->nodes == std::vector<std::string>{"a", "b"});
  CHECK(scenario->seed == 9);
  CHECK(scenario->mtu == 9000);
  CHECK(scenario->script.size() == 2);
}

TEST_CASE("a wrong scenario is refused with its place") {
  const auto reason = [](const std::string& text) {
    const auto scenario = parse_scenario(text, "x.toml");
    return scenario ? std::string{} : scenario.error().message;
  };
  CHECK(reason("seed = 1\n") == "x.toml: nodes must be 2 to 64 names");
  CHECK(reason("nodes = \"a a\"\n").find("x.toml:1:9: nodes must be different") == 0);
  CHECK(reason("nodes = \"a b\"\nmtu = 5\n").find("x.toml:2:7: mtu must be") == 0);
  CHECK(reason("nodes = \"a b\"\nscript = \"link a b\"\n").find("line 1 of script") !=
        std::string::npos);
  CHECK(reason("nodes = \"a b\"\nscript = \"quit\"\n").find("can be scripted") !=
        std::string::npos);
  CHECK(reason("nodes = \"a b\"\nscript = \"heal a z\"\n").find("z: there is no node") !=
        std::string::npos);
}

}  // namespace
}  // namespace brigade::emulator

// A node against peers that hold a pinned key and break the rules.
#include "tests/catch.hpp"
#include "tests/e2e/hostile_frames.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon::testing {
namespace {

constexpr std::chrono::milliseconds kPatience{20'000};

struct Target {
  Identity node = identity_or_die();
  Identity attacker = identity_or_die();
  TransportOptions options = quick_options(node, 1);
  std::unique_ptr<TestNode> target;

  void start() {
    options.peers = {{attacker.id, "", StageIndex(0)}};
    target = std::make_unique<TestNode>(options);
    REQUIRE(target->start().has_value());
  }
  Hello hello() const {
    Hello hello;
    hello.swarm = options.swarm;
    hello.stage = StageIndex(0);
    return hello;
  }
};

std::string goodbye_of(hostile::RawLink& link) {
  while (auto frame = link.receive(kPatience)) {
    if (const auto* goodbye = std::get_if<Goodbye>(&frame->body)) return goodbye->reason;
  }
  return {};
}

TEST_CASE("every hostile peer is cut off with a reason that both ends get, and harms nobody") {
  Target target;
  target.start();
  for (const hostile::Case& one : hostile::all_cases(target.hello())) {
    CAPTURE(one.name);
    hostile::RawLink link(target.target->address(), target.attacker, target.node.id);
    for (const grpc::ByteBuffer& frame : one.frames) link.send(frame);
    const std::string goodbye = goodbye_of(link);
    CAPTURE(goodbye);
    CHECK(goodbye.find(one.reason) != std::string::npos);
    link.half_close();
    CHECK(link.wait_end(kPatience).has_value());
    if (one.reason.empty()) continue;
    CHECK(target.target->wait([&](const Journal& j) {
      const auto names_it = [&](const std::string& line) {
        return line.find(one.reason) != std::string::npos;
      };
      return std::any_of(j.warnings.begin(), j.warnings.end(), names_it) ||
             std::any_of(j.downs.begin(), j.downs.end(), names_it);
    }));
  }
  CHECK(target.target->journal().messages.empty());

  hostile::RawLink honest(target.target->address(), target.attacker, target.node.id);
  honest.send(encode_frame(target.hello()));
  CHECK(honest.receive(kPatience).has_value());
}

TEST_CASE("a peer that says nothing is sent away") {
  Target target;
  target.options.handshake_limit = std::chrono::milliseconds{200};
  target.start();
  hostile::RawLink link(target.target->address(), target.attacker, target.node.id);
  CHECK(goodbye_of(link) == "no hello came");
}

TEST_CASE("a peer that answers no ping loses its link within the configured time") {
  Target target;
  target.options.silence_limit = std::chrono::milliseconds{300};
  target.start();
  hostile::RawLink link(target.target->address(), target.attacker, target.node.id);
  link.send(encode_frame(target.hello()));
  REQUIRE(target.target->wait_for_link());
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(target.target->wait([](const Journal& j) { return j.downs.size() == 1; }));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  CHECK(target.target->journal().downs.front() == "silent for 300 ms");
}

TEST_CASE("a node stops quickly although its peer takes and answers nothing") {
  Target target;
  target.options.silence_limit = std::chrono::seconds{60};
  target.start();
  hostile::RawLink link(target.target->address(), target.attacker, target.node.id);
  link.send(encode_frame(target.hello()));
  REQUIRE(target.target->wait_for_link());
  const auto begin = std::chrono::steady_clock::now();
  target.target->stop();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(4));
}

TEST_CASE("a peer that opens streams without end is bounded") {
  Target target;
  target.options.handshake_limit = std::chrono::seconds{60};
  target.start();
  std::vector<std::unique_ptr<hostile::RawLink>> links;
  for (int i = 0; i < 6; ++i) {
    links.push_back(std::make_unique<hostile::RawLink>(target.target->address(), target.attacker,
                                                       target.node.id));
  }
  // Four may wait for their hello; the others are ended at once.
  int ended = 0;
  for (int round = 0; round < 200 && ended < 2; ++round) {
    ended = 0;
    for (auto& link : links) {
      if (link->wait_end(std::chrono::milliseconds{10})) ++ended;
    }
  }
  CHECK(ended == 2);
}

}  // namespace
}  // namespace brigade::daemon::testing

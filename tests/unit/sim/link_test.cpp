#include "sim/link.hpp"

#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

swarm::Message numbered(std::uint64_t sequence) {
  swarm::Query query;
  query.id.sequence = Sequence{sequence};
  return query;
}

std::uint64_t number_of(const swarm::Message& message) {
  return std::get<swarm::Query>(message).id.sequence.value();
}

/// A link with both ends up at time zero.
Link connected(LinkModel model, std::uint64_t seed = 1) {
  model.redial = constant(Duration::zero());
  Link link(model, 0, 1, seed);
  REQUIRE(link.connect(TimePoint{}));
  REQUIRE(link.bring_up(0, link.generation()));
  REQUIRE(link.bring_up(1, link.generation()));
  return link;
}

TEST_CASE("messages arrive in the order in which they were sent, whatever their latency") {
  LinkModel model;
  model.latency = uniform(milliseconds{1}, milliseconds{50});
  Link link = connected(model);
  auto next = link.send(TimePoint{}, 0, numbered(0), 100);
  REQUIRE(next);
  for (std::uint64_t i = 1; i < 100; ++i) CHECK_FALSE(link.send(TimePoint{}, 0, numbered(i), 100));
  TimePoint before;
  for (std::uint64_t i = 0; i < 100; ++i) {
    REQUIRE(next);
    CHECK(*next >= before);
    before = *next;
    CHECK(number_of(link.deliver(0, next)) == i);
  }
  CHECK_FALSE(next);
}

TEST_CASE("bandwidth is shared: the second of two messages waits for the first") {
  LinkModel model;
  model.latency = constant(milliseconds{10});
  model.bytes_per_second = 1'000'000;
  Link link = connected(model);
  auto next = link.send(TimePoint{}, 0, numbered(0), 100'000);
  CHECK(next == TimePoint{} + milliseconds{110});
  link.send(TimePoint{}, 0, numbered(1), 50'000);
  link.deliver(0, next);
  CHECK(next == TimePoint{} + milliseconds{160});
}

TEST_CASE("the two directions do not share bandwidth") {
  LinkModel model;
  model.latency = constant(milliseconds{10});
  model.bytes_per_second = 1'000'000;
  Link link = connected(model);
  link.send(TimePoint{}, 0, numbered(0), 100'000);
  CHECK(link.send(TimePoint{}, 1, numbered(1), 100'000) == TimePoint{} + milliseconds{110});
}

TEST_CASE("a link loses about as many messages as it should") {
  LinkModel model;
  model.loss = 0.25;
  Link link = connected(model);
  for (std::uint64_t i = 0; i < 4000; ++i) link.send(TimePoint{}, 0, numbered(i), 1);
  CHECK(link.lost() > 850);
  CHECK(link.lost() < 1150);
}

TEST_CASE("a broken stream takes what is in flight with it, and its ends notice later") {
  Link link = connected(LinkModel{});
  REQUIRE(link.send(TimePoint{}, 0, numbered(0), 1));
  const std::uint32_t old = link.generation();
  link.break_stream();
  CHECK(link.lost() == 1);
  CHECK(link.end(0).is_up);
  CHECK_FALSE(link.send(TimePoint{}, 0, numbered(1), 1));  // into the void
  CHECK(link.lost() == 2);
  CHECK_FALSE(link.connect(TimePoint{} + seconds{1}));  // both ends still believe in the old one
  CHECK(link.take_down(0, old));
  CHECK_FALSE(link.take_down(0, old));
  CHECK(link.take_down(1, old));
  CHECK(link.connect(TimePoint{} + seconds{1}));
}

TEST_CASE("nothing arrives at an end before its link is up") {
  LinkModel model;
  model.latency = constant(milliseconds{1});
  model.redial = uniform(Duration::zero(), seconds{1});
  Link link(model, 0, 1, 3);
  const auto up_at = link.connect(TimePoint{});
  REQUIRE(up_at);
  REQUIRE(link.bring_up(0, link.generation()));
  const auto arrival = link.send((*up_at)[0], 0, numbered(0), 1);
  REQUIRE(arrival);
  CHECK(*arrival >= (*up_at)[1]);
}

}  // namespace
}  // namespace brigade::sim

#include "sim/link.hpp"

#include <utility>
#include <vector>

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
  auto next = link.send(TimePoint{}, 0, numbered(0), 100).arrival;
  REQUIRE(next);
  for (std::uint64_t i = 1; i < 100; ++i) {
    CHECK_FALSE(link.send(TimePoint{}, 0, numbered(i), 100).arrival);
  }
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
  const auto first = link.send(TimePoint{}, 0, numbered(0), 100'000);
  CHECK_FALSE(first.wire);  // alone on the wire: nobody asks when it has left
  CHECK(first.arrival == TimePoint{} + milliseconds{110});
  CHECK(link.send(TimePoint{}, 0, numbered(1), 50'000).wire == TimePoint{} + milliseconds{100});
  CHECK_FALSE(link.send(TimePoint{}, 0, numbered(2), 50'000).wire);
  const auto second = link.on_wire_free(TimePoint{} + milliseconds{100}, 0);
  CHECK_FALSE(second.arrival);
  CHECK(second.wire == TimePoint{} + milliseconds{150});
  std::optional<TimePoint> next;
  CHECK(number_of(link.deliver(0, next)) == 0);
  CHECK_FALSE(next);
  const auto third = link.on_wire_free(TimePoint{} + milliseconds{150}, 0);
  CHECK(third.arrival == TimePoint{} + milliseconds{160});
  CHECK(third.wire == TimePoint{} + milliseconds{200});
}

TEST_CASE("what was alone on the wire goes with its stream, and the next one finds it free") {
  LinkModel model;
  model.latency = constant(milliseconds{10});
  model.redial = constant(Duration::zero());
  model.bytes_per_second = 1'000'000;
  Link link = connected(model);
  CHECK(link.send(TimePoint{}, 0, numbered(0), 100'000).arrival);
  link.break_stream();
  CHECK(link.lost() == 1);
  link.drop_end(0);
  link.drop_end(1);
  REQUIRE(link.connect(TimePoint{}));
  REQUIRE(link.bring_up(0, link.generation()));
  REQUIRE(link.bring_up(1, link.generation()));
  CHECK(link.send(TimePoint{}, 0, numbered(1), 100'000).arrival == TimePoint{} + milliseconds{110});
}

TEST_CASE("the two directions do not share bandwidth") {
  LinkModel model;
  model.bytes_per_second = 1'000'000;
  Link link = connected(model);
  link.send(TimePoint{}, 0, numbered(0), 100'000);
  CHECK(link.send(TimePoint{}, 1, numbered(1), 100'000).arrival ==
        TimePoint{} + model.latency.base + milliseconds{100});
}

/// What leaves, in order, when everything was queued behind a first message.
std::vector<std::size_t> order_of(std::vector<swarm::Message> messages) {
  LinkModel model;
  model.latency = constant(Duration::zero());
  model.bytes_per_second = 1'000'000;
  Link link = connected(model);
  std::optional<TimePoint> arrival = link.send(TimePoint{}, 0, swarm::UpBeacon{}, 10).arrival;
  std::optional<TimePoint> wire;
  for (swarm::Message& message : messages) {
    const auto schedule = link.send(TimePoint{}, 0, std::move(message), 400'000);
    if (schedule.wire) wire = schedule.wire;
  }
  std::vector<std::size_t> order;
  while (wire) {
    const auto schedule = link.on_wire_free(*wire, 0);
    wire = schedule.wire;
    if (schedule.arrival) arrival = schedule.arrival;
  }
  while (arrival) order.push_back(link.deliver(0, arrival).index());
  return order;
}

TEST_CASE("small messages go before gradients, gradients before activations") {
  const auto order = order_of({swarm::Forward{}, swarm::Backward{}, swarm::Receipt{}});
  CHECK(order == std::vector<std::size_t>{4, 2, 1, 0});
}

TEST_CASE("a question waits behind the bytes that it is about") {
  swarm::Query about_gradient;
  about_gradient.direction = swarm::Direction::kBackward;
  const auto order =
      order_of({swarm::Forward{}, swarm::Query{}, swarm::Backward{}, about_gradient});
  CHECK(order == std::vector<std::size_t>{4, 1, 3, 0, 3});
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
  REQUIRE(link.send(TimePoint{}, 0, numbered(0), 1).arrival);
  const std::uint32_t old = link.generation();
  link.break_stream();
  CHECK(link.lost() == 1);
  CHECK(link.end(0).is_up);
  CHECK_FALSE(link.send(TimePoint{}, 0, numbered(1), 1).arrival);  // into the void
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
  const auto arrival = link.send((*up_at)[0], 0, numbered(0), 1).arrival;
  REQUIRE(arrival);
  CHECK(*arrival >= (*up_at)[1]);
}

}  // namespace
}  // namespace brigade::sim

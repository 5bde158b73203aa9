#include "daemon/stream.hpp"

#include <boost/asio/io_context.hpp>

#include "tests/catch.hpp"
#include "tests/e2e/hostile_frames.hpp"
#include "tests/unit/net/fake_port.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon::testing {
namespace {

grpc::ByteBuffer receipt(std::uint64_t sequence) {
  swarm::Receipt message;
  message.id.sequence = Sequence(sequence);
  return encode_frame(swarm::Message(message));
}

TEST_CASE("the first frame must be a hello") {
  FakeLink link;
  link.receive(receipt(1));
  CHECK(link.listener->closed == 1);
  CHECK(link.listener->kind == CloseKind::kRefused);
  CHECK(link.listener->messages.empty());
  link.flush();
  CHECK(link.port.goodbye() == "refused a frame: a frame before the hello");
  CHECK(link.port.is_released);
}

TEST_CASE("messages arrive in the order sent") {
  FakeLink link;
  link.receive(encode_frame(Hello{}));
  for (std::uint64_t i = 0; i < 20; ++i) link.receive(receipt(i));
  REQUIRE(link.listener->messages.size() == 20);
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(std::get<swarm::Receipt>(link.listener->messages[i]).id.sequence == Sequence(i));
  }
}

TEST_CASE("a ping is answered with its token") {
  FakeLink link;
  link.receive(encode_frame(Hello{}));
  link.receive(encode_frame(Ping{77}));
  link.flush();
  CHECK(std::get<Pong>(parse_frame(link.port.written.back()).value().body).token == 77);
}

TEST_CASE("the answer to our ping gives the round trip, any other pong is ignored") {
  FakeLink link;
  link.receive(encode_frame(Hello{}));
  link.stream->ping();
  link.flush();
  const auto ping = std::get<Ping>(parse_frame(link.port.written.back()).value().body);
  link.receive(encode_frame(Pong{ping.token + 1}));
  CHECK(link.stream->round_trip_ms() == 0);
  link.receive(encode_frame(Pong{ping.token}));
  CHECK(link.stream->round_trip_ms() > 0);
}

TEST_CASE("one write is outstanding at a time") {
  FakeLink link;
  for (int i = 0; i < 3; ++i) REQUIRE(link.stream->send(Ping{1}, std::nullopt));
  CHECK(link.port.written.size() == 1);
  link.stream->on_write_done(true);
  CHECK(link.port.written.size() == 2);
}

TEST_CASE("closing sends what is queued, then a goodbye, then ends") {
  FakeLink link;
  for (int i = 0; i < 3; ++i) REQUIRE(link.stream->send(Ping{1}, std::nullopt));
  link.stream->close("enough");
  CHECK_FALSE(link.stream->send(Ping{1}, std::nullopt));
  CHECK_FALSE(link.port.is_released);
  link.flush();
  CHECK(link.port.written.size() == 4);
  CHECK(link.port.goodbye() == "enough");
  CHECK(link.port.is_released);
  link.end();
  CHECK(link.listener->closed == 0);  // it was our own doing
  CHECK(link.stream->is_done());
}

TEST_CASE("a dialled stream half-closes and lets go once the peer has ended it") {
  FakeLink link(/*is_dialled=*/true);
  link.stream->close("enough");
  link.flush();
  CHECK(link.port.is_half_closed);
  CHECK_FALSE(link.port.is_released);
  link.stream->on_read_done(false);
  CHECK(link.port.is_released);
}

TEST_CASE("the peer's goodbye is the reason, and told once") {
  FakeLink link;
  link.receive(encode_frame(Hello{}));
  link.receive(encode_frame(Goodbye{"it\nrains"}));
  link.flush();
  CHECK(link.port.is_released);
  link.end();
  CHECK(link.listener->closed == 1);
  CHECK(link.listener->kind == CloseKind::kPeerClosed);
  CHECK(link.listener->reason == "the peer closed: it?rains");
}

TEST_CASE("nothing that follows a refused frame is heard") {
  FakeLink link(/*is_dialled=*/true);
  link.receive(encode_frame(Hello{}));
  link.receive(grpc::ByteBuffer());
  link.receive(receipt(1));
  CHECK(link.listener->messages.empty());
  CHECK(link.listener->closed == 1);
  CHECK(link.counters->frames_refused == 1);
}

TEST_CASE("a stream that is ahead of the strand stops reading until the strand has caught up") {
  FakeLink link;
  link.receive(encode_frame(Hello{}));
  std::uint32_t sent = 0;
  while (link.port.is_reading && sent < 2 * limits::kMaxReceiveBacklogFrames) {
    link.receive_without_strand(receipt(sent++));
  }
  CHECK(sent == limits::kMaxReceiveBacklogFrames + 1);
  link.run_strand();
  CHECK(link.port.is_reading);
  CHECK(link.listener->messages.size() == sent);
}

TEST_CASE("a broken stream is reported with gRPC's reason") {
  FakeLink link;
  REQUIRE(link.stream->send(Ping{1}, std::nullopt));
  link.stream->on_read_done(false);
  CHECK(link.port.is_cancelled);  // a write was under way and would never end
  link.stream->on_write_done(false);
  CHECK(link.port.is_released);
  link.end();
  CHECK(link.listener->kind == CloseKind::kLost);
  CHECK(link.listener->reason == "ended by the test");
}

}  // namespace
}  // namespace brigade::daemon::testing

#include "daemon/send_queue.hpp"

#include "tests/catch.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon {
namespace {

FrameBody forward(std::uint64_t sequence) {
  swarm::Forward message;
  message.id.sequence = Sequence(sequence);
  return swarm::Message(message);
}
FrameBody backward(std::uint64_t sequence) {
  swarm::Backward message;
  message.id.sequence = Sequence(sequence);
  return swarm::Message(message);
}
FrameBody receipt(std::uint64_t sequence) {
  swarm::Receipt message;
  message.id.sequence = Sequence(sequence);
  return swarm::Message(message);
}

FrameBody query(std::uint64_t sequence, swarm::Direction direction) {
  swarm::Query message;
  message.id.sequence = Sequence(sequence);
  message.direction = direction;
  return swarm::Message(message);
}

/// "F3" begins forward 3, "f" goes on with a forward, "B", "b" likewise, "r3" is receipt 3, "q3" a
/// query.
std::string name_of(const SendQueue::Frame& frame) {
  const ParsedFrame parsed = parse_frame(frame.bytes).value();
  if (const auto* continuation = std::get_if<Continuation>(&parsed.body)) {
    return continuation->direction == swarm::Direction::kForward ? "f" : "b";
  }
  const auto& message = std::get<swarm::Message>(parsed.body);
  if (const auto* m = std::get_if<swarm::Forward>(&message)) {
    return "F" + std::to_string(m->id.sequence.value());
  }
  if (const auto* m = std::get_if<swarm::Backward>(&message)) {
    return "B" + std::to_string(m->id.sequence.value());
  }
  if (const auto* m = std::get_if<swarm::Query>(&message)) {
    return "q" + std::to_string(m->id.sequence.value());
  }
  return "r" + std::to_string(std::get<swarm::Receipt>(message).id.sequence.value());
}

std::string drain(SendQueue& queue) {
  std::string order;
  while (auto frame = queue.pop()) order += name_of(*frame) + " ";
  return order;
}

const PayloadData kInput = testing::make_payload(1, 4, 16, true);      // 276 bytes
const PayloadData kGradient = testing::make_payload(1, 4, 16, false);  // 256 bytes

TEST_CASE("small messages go before gradients, gradients before activations") {
  SendQueue queue;
  REQUIRE(queue.push(forward(1), kInput));
  REQUIRE(queue.push(forward(2), kInput));
  REQUIRE(queue.push(backward(1), kGradient));
  REQUIRE(queue.push(receipt(1), {}));
  REQUIRE(queue.push(backward(2), kGradient));
  CHECK(drain(queue) == "r1 B1 B2 F1 F2 ");
}

TEST_CASE("a query never overtakes what it asks about") {
  SendQueue queue;
  REQUIRE(queue.push(forward(1), kInput));
  REQUIRE(queue.push(query(1, swarm::Direction::kForward), {}));
  REQUIRE(queue.push(backward(2), kGradient));
  REQUIRE(queue.push(query(2, swarm::Direction::kBackward), {}));
  CHECK(drain(queue) == "B2 q2 F1 q1 ");
}

TEST_CASE("a goodbye goes last, so that it cuts nothing off") {
  SendQueue queue;
  REQUIRE(queue.push(forward(1), kInput));
  REQUIRE(queue.push(Goodbye{"over"}, {}));
  CHECK(name_of(*queue.pop()) == "F1");
  CHECK(std::holds_alternative<Goodbye>(parse_frame(queue.pop()->bytes).value().body));
}

TEST_CASE("a gradient overtakes an activation that is already on its way, in between two parts") {
  SendQueue queue;
  queue.set_part_bytes(100);
  REQUIRE(queue.push(forward(1), kInput));
  CHECK(name_of(*queue.pop()) == "F1");
  REQUIRE(queue.push(backward(1), kGradient));
  CHECK(name_of(*queue.pop()) == "B1");
  REQUIRE(queue.push(receipt(1), {}));
  CHECK(drain(queue) == "r1 b b f f ");
}

TEST_CASE("parts put together again are the payload") {
  SendQueue queue;
  queue.set_part_bytes(100);
  REQUIRE(queue.push(forward(1), kInput));
  PayloadAssembler assembler;
  std::optional<PayloadData> whole;
  while (auto frame = queue.pop()) {
    const ParsedFrame parsed = parse_frame(frame->bytes).value();
    if (parsed.plan) REQUIRE(assembler.begin(*parsed.plan).has_value());
    whole = assembler.add(parsed.part).value();
    CHECK(whole.has_value() == frame->ends_message);
  }
  REQUIRE(whole.has_value());
  CHECK(payload_checksum(whole->tensor()) == payload_checksum(kInput.tensor()));
}

TEST_CASE("at its bound the queue refuses payloads and still takes small messages") {
  SendQueue queue({1000, 200});
  int taken = 0;
  while (queue.push(forward(1), kInput)) ++taken;
  CHECK(taken == 3);
  CHECK_FALSE(queue.push(backward(1), kGradient));
  CHECK(queue.push(receipt(1), {}));
  int receipts = 1;
  while (queue.push(receipt(1), {})) ++receipts;
  CHECK(receipts < 100);
  CHECK(queue.bytes() <= 1200);
}

TEST_CASE("bytes are accounted for from push to pop") {
  SendQueue queue;
  queue.set_part_bytes(64);
  CHECK(queue.is_empty());
  REQUIRE(queue.push(forward(1), kInput));
  REQUIRE(queue.push(receipt(1), {}));
  CHECK(queue.bytes() > kInput.bytes.size());
  drain(queue);
  CHECK(queue.bytes() == 0);
  REQUIRE(queue.push(forward(1), kInput));
  queue.clear();
  CHECK(queue.bytes() == 0);
  CHECK_FALSE(queue.pop().has_value());
}

}  // namespace
}  // namespace brigade::daemon

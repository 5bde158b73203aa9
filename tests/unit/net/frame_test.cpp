#include "daemon/frame.hpp"

#include <cmath>
#include <cstring>

#include "daemon/wire.hpp"
#include "tests/catch.hpp"
#include "tests/e2e/hostile_frames.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon {
namespace {

std::vector<grpc::Slice> slices_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  REQUIRE(buffer.Dump(&slices).ok());
  return slices;
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  for (const grpc::Slice& slice : slices_of(buffer)) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

/// Parses what encode makes and gives back the message.
template <class T>
T round_trip(const T& message) {
  const Result<ParsedFrame> parsed = parse_frame(encode_frame(swarm::Message(message)));
  REQUIRE(parsed.has_value());
  return std::get<T>(std::get<swarm::Message>(parsed->body));
}

const MicrobatchId kId{Epoch(3), HeadIndex(2), Sequence(99), MicrobatchId::Kind::kTrain};

TEST_CASE("every small message comes back as it was sent") {
  for (const auto kind : {swarm::Receipt::Kind::kReceived, swarm::Receipt::Kind::kApplied,
                          swarm::Receipt::Kind::kMissing, swarm::Receipt::Kind::kBusy,
                          swarm::Receipt::Kind::kRejected, swarm::Receipt::Kind::kSpent}) {
    const auto receipt =
        round_trip(swarm::Receipt{kId, swarm::Direction::kBackward, Attempt(4), kind});
    CHECK(receipt.id == kId);
    CHECK(receipt.direction == swarm::Direction::kBackward);
    CHECK(receipt.attempt == Attempt(4));
    CHECK(receipt.kind == kind);
  }
  const auto query = round_trip(swarm::Query{kId, swarm::Direction::kForward, Attempt(7)});
  CHECK(query.id == kId);
  CHECK(query.attempt == Attempt(7));

  swarm::UpBeacon up{Epoch(2),       true, true, true, Epoch(9), 4, 77, true, {{Epoch(2), 50}, {}},
                     {Epoch(2), 70}, 60};
  const auto heard = round_trip(up);
  CHECK((heard.epoch == up.epoch && heard.needs_epoch && heard.is_ready && heard.wants_stop));
  CHECK((heard.max_epoch == up.max_epoch && heard.stages == 4 && heard.applied == 77));
  CHECK((heard.is_drained && heard.offers == up.offers && heard.newest == up.newest));
  CHECK(heard.settled == 60);

  for (const std::optional<std::uint64_t> final_position :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(0),
        std::optional<std::uint64_t>(1000)}) {
    const auto down = round_trip(swarm::DownBeacon{
        Epoch(2), {Epoch(1), 30}, final_position, {Epoch(2), 60}, true, true, 50});
    CHECK(down.final_position == final_position);
    CHECK(down.from == swarm::CheckpointId{Epoch(1), 30});
    CHECK(down.committed == swarm::CheckpointId{Epoch(2), 60});
    CHECK((down.is_over && down.is_sealed && down.settled == 50));
  }
}

swarm::Path path_of(std::uint32_t stages) {
  swarm::Path path;
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    swarm::Holder holder;
    holder.node.bytes.fill(static_cast<std::uint8_t>(stage));
    holder.instance = (std::uint64_t{1} << 63) + stage;
    path.holders.push_back(holder);
  }
  path.revision = 7;
  path.given = 2;
  path.floor = Sequence(41);
  return path;
}

bool is_same(const swarm::Path& a, const swarm::Path& b) {
  return a.holders == b.holders && a.revision == b.revision && a.given == b.given &&
         a.floor == b.floor;
}

TEST_CASE("what replicas say comes back as it was sent") {
  const swarm::Path path = path_of(4);
  MicrobatchId id = kId;
  id.head = HeadIndex(0xffff'ffff'ffff'fff0);  // an instance
  const auto query = round_trip(swarm::Query{id, swarm::Direction::kForward, Attempt(7), path});
  CHECK(query.id == id);
  CHECK(is_same(query.path, path));

  const swarm::Offer offer{path.holders, 12, std::chrono::milliseconds{30}};
  const auto receipt = round_trip(swarm::Receipt{id, swarm::Direction::kForward, Attempt(1),
                                                 swarm::Receipt::Kind::kReceived, offer});
  CHECK((receipt.offer.path == offer.path && receipt.offer.queue == 12 &&
         receipt.offer.pace == offer.pace));

  for (const auto kind : {swarm::PathRequest::Kind::kReplan, swarm::PathRequest::Kind::kSuspended,
                          swarm::PathRequest::Kind::kResumed, swarm::PathRequest::Kind::kAdopt,
                          swarm::PathRequest::Kind::kClosed}) {
    const auto request = round_trip(swarm::PathRequest{kind, id, StageIndex(2), path});
    CHECK((request.kind == kind && request.id == id && request.stage == StageIndex(2)));
    CHECK(is_same(request.path, path));
  }

  const auto refusal = round_trip(swarm::Share{9, true, 2.5, 1000, {}});
  CHECK((refusal.round == 9 && refusal.is_answer && refusal.weight == 2.5 &&
         refusal.position == 1000));
}

TEST_CASE("a beacon of a replica comes back as it was sent, and has bounds") {
  swarm::NodeBeacon beacon;
  beacon.is_ready = beacon.is_draining = true;
  beacon.stamp = std::chrono::hours{30};
  beacon.echo = std::chrono::minutes{2};
  beacon.held = std::chrono::milliseconds{3};
  beacon.offer.path = path_of(3).holders;
  beacon.gone = {1, ~std::uint64_t{0}};
  beacon.every = std::chrono::seconds{2};
  beacon.floors = {{HeadIndex(5), Sequence(6), std::chrono::seconds{7}}};
  const auto heard = round_trip(beacon);
  CHECK((heard.is_ready && heard.is_draining && !heard.is_leaving));
  CHECK((heard.stamp == beacon.stamp && heard.echo == beacon.echo && heard.held == beacon.held));
  CHECK(heard.offer.path == beacon.offer.path);
  CHECK(heard.gone == beacon.gone);
  REQUIRE(heard.floors.size() == 1);
  CHECK((heard.floors[0].head == HeadIndex(5) && heard.floors[0].sequence == Sequence(6)));
  CHECK(heard.floors[0].age == std::chrono::seconds{7});
  CHECK(heard.every == std::chrono::seconds{2});

  beacon.gone.resize(limits::kMaxGoneTold + 1);
  CHECK(parse_frame(encode_frame(swarm::Message(beacon))).has_error());
  // The longest path that there may be fits into a frame's header.
  const swarm::Path longest = path_of(limits::kMaxStagesOfReplicas);
  CHECK(is_same(round_trip(swarm::Query{kId, swarm::Direction::kForward, Attempt(1), longest}).path,
                longest));
  const swarm::Query too_long{kId, swarm::Direction::kForward, Attempt(1),
                              path_of(limits::kMaxStagesOfReplicas + 1)};
  CHECK(parse_frame(encode_frame(swarm::Message(too_long))).has_error());
}

TEST_CASE("a share's weight is a number, and who asks for one gives its own") {
  const auto parses = [](const swarm::Share& share) {
    return parse_frame(encode_frame(swarm::Message(share))).has_value();
  };
  CHECK(parses({1, true, 0, 0, {}}));
  CHECK_FALSE(parses({1, false, 0, 0, {}}));
  CHECK_FALSE(parses({1, true, -1, 0, {}}));
  CHECK_FALSE(parses({1, true, std::nan(""), 0, {}}));
}

TEST_CASE("an evaluation's backward carries its loss and no payload") {
  swarm::Backward backward;
  backward.id = kId;
  backward.id.kind = MicrobatchId::Kind::kEval;
  backward.loss = {123.5, 64};
  const auto heard = round_trip(backward);
  CHECK(heard.id == backward.id);
  CHECK(heard.loss.nats == 123.5);
  CHECK(heard.loss.tokens == 64);
}

TEST_CASE("a backward carries the load of the slowest stage, within its bounds") {
  const auto day = std::chrono::hours{24};
  swarm::Backward backward;
  backward.id = kId;
  backward.id.kind = MicrobatchId::Kind::kEval;
  backward.load = {StageIndex(2), std::chrono::milliseconds{7}, day, 2 * day};
  CHECK(round_trip(backward).load == backward.load);
  backward.load = {StageIndex(2), 2 * day, 9'999 * day, 9'998 * day};
  const swarm::Load bounded = round_trip(backward).load;
  CHECK(bounded.pace == day);
  CHECK(bounded.computing == bounded.elapsed);
  CHECK(bounded.elapsed == 3'650 * day);
}

TEST_CASE("a frame parses alike however it is cut into slices") {
  const PayloadData payload = testing::make_payload(2, 3, 5, true);
  swarm::Forward forward;
  forward.id = kId;
  const grpc::Slice slices[] = {encode_header(swarm::Message(forward), &payload), payload.bytes};
  const std::string whole = bytes_of(grpc::ByteBuffer(slices, 2));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::vector<grpc::Slice> pieces{grpc::Slice(whole.substr(0, cut)), grpc::Slice(),
                                    grpc::Slice(whole.substr(cut))};
    const Result<ParsedFrame> parsed = parse_frame(std::move(pieces));
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->part_bytes == payload.bytes.size());
    PayloadAssembler assembler;
    REQUIRE(assembler.begin(*parsed->plan).has_value());
    const auto assembled = assembler.add(parsed->part).value();
    REQUIRE(assembled.has_value());
    CHECK(std::memcmp(assembled->bytes.begin(), payload.bytes.begin(), payload.bytes.size()) == 0);
  }
}

TEST_CASE("no cut of a frame is taken for a whole one") {
  const std::string whole =
      bytes_of(encode_frame(swarm::Message(swarm::Receipt{kId, {}, Attempt(4), {}})));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(parse_frame({grpc::Slice(whole.substr(0, size))}).has_error());
  }
}

TEST_CASE("received payloads are aligned and split into tensor and tokens") {
  const PayloadData sent = testing::make_payload(3, 7, 9, true);
  PayloadAssembler assembler;
  REQUIRE(assembler.begin({sent.shape, sent.bytes.size(), sent.checksum}).has_value());
  const auto payload = assembler.add({sent.bytes}).value();
  REQUIRE(payload.has_value());
  CHECK(reinterpret_cast<std::uintptr_t>(payload->tensor().data()) % kPayloadAlignment == 0);
  CHECK(payload->tensor().size() == 3 * 7 * 9 * 4);
  CHECK(payload->token_bytes().size() == 3 * 8 * 4);
  CHECK_FALSE(assembler.is_open());
}

TEST_CASE("every hostile frame is refused by the parser or by the rules of a stream") {
  Hello hello;
  for (const hostile::Case& one : hostile::all_cases(hello)) {
    CAPTURE(one.name);
    CHECK_FALSE(one.frames.empty());
    for (const grpc::ByteBuffer& frame : one.frames) {
      const Result<ParsedFrame> parsed = parse_frame(frame);  // must not crash, whatever it says
      if (parsed.has_error()) CHECK(parsed.error().code == ErrorCode::kProtocol);
    }
  }
}

TEST_CASE("what a peer writes is made fit for a log") {
  CHECK(printable_line("two\nlines\x1b[31m \xff") == "two?lines?[31m ?");
  CHECK(printable_line(std::string(100'000, 'a')).size() == limits::kMaxGoodbyeBytes);
}

TEST_CASE("a payload has the length that its codec gives its shape, and no other") {
  for (const auto& [codec, tensor_bytes] : {std::pair{Codec::kFp32, 2 * 3 * 30 * 4},
                                            {Codec::kBf16, 2 * 3 * 30 * 2},
                                            {Codec::kInt8, 2 * 3 * 30 + 3 * 4}}) {
    PayloadData payload = testing::make_payload(2, 3, 30, true);
    payload.shape.codec = codec;
    const std::uint64_t whole = payload.shape.total_bytes();
    CHECK(payload.shape.tensor_bytes() == static_cast<std::uint64_t>(tensor_bytes));
    payload.bytes = payload.bytes.sub(0, whole);
    swarm::Forward forward;
    forward.id = kId;
    forward.group = {kId.sequence, 1};
    wire::FrameHeader header = to_wire(swarm::Message(forward), &payload);
    const auto parsed = from_wire(header);
    REQUIRE(parsed.has_value());
    CHECK(parsed->plan->shape == payload.shape);
    header.mutable_payload()->set_bytes(whole + 1);
    const auto refused = from_wire(header);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find(stage::codec_name(codec)) != std::string::npos);
  }
}

TEST_CASE("a hello names the codecs of its sender, and numbers from the future are passed over") {
  Hello hello;
  hello.codecs = {Codec::kFp32, Codec::kInt8};
  wire::FrameHeader header = to_wire(hello, nullptr);
  header.mutable_hello()->add_codecs(12'345);
  CHECK(std::get<Hello>(from_wire(header).value().body).codecs == hello.codecs);
  header.mutable_hello()->clear_codecs();
  CHECK(std::get<Hello>(from_wire(header).value().body).codecs == std::vector{Codec::kFp32});
  for (std::uint32_t i = 0; i <= limits::kMaxCodecs; ++i) header.mutable_hello()->add_codecs(1);
  CHECK(from_wire(header).error().message.find("codecs 33") != std::string::npos);
}

TEST_CASE("the shape's byte count does not overflow at the limits") {
  const PayloadShape shape{Codec::kFp32, limits::kMaxBatch, limits::kMaxContext, limits::kMaxWidth,
                           true};
  CHECK(static_cast<double>(shape.tensor_bytes()) == Approx(std::pow(2.0, 12 + 17 + 16 + 2)));
}

}  // namespace
}  // namespace brigade::daemon

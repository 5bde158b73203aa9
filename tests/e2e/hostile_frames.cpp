#include "tests/e2e/hostile_frames.hpp"

#include <brigade/v1/link.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <deque>
#include <limits>
#include <utility>

#include "daemon/tls.hpp"

namespace brigade::hostile {

namespace {

namespace wire = brigade::v1;
using daemon::Hello;

grpc::ByteBuffer buffer_of(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string length_word(std::size_t length) {
  std::string word;
  for (int shift = 0; shift < 32; shift += 8) {
    word.push_back(static_cast<char>((length >> shift) & 0xff));
  }
  return word;
}

grpc::ByteBuffer frame_of(const wire::FrameHeader& header, const std::string& payload = {}) {
  const std::string bytes = header.SerializeAsString();
  return buffer_of(length_word(bytes.size()) + bytes + payload);
}

std::uint64_t checksum_of(const std::string& bytes) {
  return daemon::payload_checksum(std::as_bytes(std::span(bytes)));
}

constexpr std::uint32_t kBatch = 2, kTokens = 4, kWidth = 8;

std::string honest_payload() {
  return std::string(kBatch * kTokens * kWidth * 4 + kBatch * (kTokens + 1) * 4, '\0');
}

wire::FrameHeader honest_forward() {
  wire::FrameHeader header;
  wire::Forward& forward = *header.mutable_forward();
  forward.mutable_id()->set_epoch(1);
  forward.mutable_id()->set_sequence(5);
  forward.set_attempt(1);
  forward.set_group_first(5);
  forward.set_group_size(1);
  wire::PayloadHeader& payload = *header.mutable_payload();
  payload.set_bytes(honest_payload().size());
  payload.set_xxh3(checksum_of(honest_payload()));
  payload.set_codec(wire::CODEC_FP32);
  payload.set_batch(kBatch);
  payload.set_tokens(kTokens);
  payload.set_width(kWidth);
  payload.set_has_tokens(true);
  return header;
}

template <class Edit>
grpc::ByteBuffer forward_with(Edit edit) {
  wire::FrameHeader header = honest_forward();
  edit(header);
  return frame_of(header, honest_payload());
}

grpc::ByteBuffer backward_with_loss(double loss) {
  wire::FrameHeader header;
  wire::Backward& backward = *header.mutable_backward();
  backward.mutable_id()->set_is_eval(true);
  backward.set_loss_nats(loss);
  return frame_of(header);
}

grpc::ByteBuffer beacon_with_offers(int count) {
  wire::FrameHeader header;
  for (int i = 0; i < count; ++i) {
    header.mutable_up_beacon()->add_offers()->set_position(static_cast<std::uint64_t>(i));
  }
  return frame_of(header);
}

grpc::ByteBuffer continuation(int direction, const std::string& bytes) {
  wire::FrameHeader header;
  header.mutable_continuation()->set_direction(static_cast<wire::Direction>(direction));
  return frame_of(header, bytes);
}

grpc::ByteBuffer receipt_of_kind(int kind) {
  wire::FrameHeader header;
  header.mutable_receipt()->set_kind(static_cast<wire::ReceiptKind>(kind));
  return frame_of(header);
}

grpc::ByteBuffer beacon_of_gone(int count) {
  wire::FrameHeader header;
  for (int i = 0; i < count; ++i)
    header.mutable_node_beacon()->add_gone(static_cast<std::uint64_t>(i));
  return frame_of(header);
}

grpc::ByteBuffer path_request_of_kind(int kind) {
  wire::FrameHeader header;
  header.mutable_path_request()->set_kind(static_cast<wire::PathRequestKind>(kind));
  return frame_of(header);
}

grpc::ByteBuffer bare_share(bool is_nan) {
  wire::FrameHeader header;
  header.mutable_share()->set_weight(is_nan ? std::numeric_limits<double>::quiet_NaN() : 1);
  return frame_of(header);
}

grpc::ByteBuffer encode(const Hello& hello) {
  return daemon::encode_frame(hello);
}

std::vector<Case> handshake_cases(const Hello& hello) {
  std::vector<Case> cases;
  Hello other = hello;
  other.protocol = 99;
  cases.push_back({"wrong-version",
                   "a hello of protocol version 99",
                   "speaks protocol version 99",
                   {encode(other)}});
  other = hello;
  other.swarm.fill(0xee);
  cases.push_back({"wrong-swarm", "a hello of another swarm", "to swarm", {encode(other)}});
  other = hello;
  other.stage = StageIndex(hello.stage.value() + 1);
  cases.push_back({"wrong-stage",
                   "a hello of another stage than pinned",
                   "expects it at stage",
                   {encode(other)}});
  other = hello;
  other.max_frame_bytes = 1000;
  cases.push_back({"small-frames",
                   "a hello that accepts 1000 bytes a frame",
                   "it accepts frames of 1000 bytes alone",
                   {encode(other)}});
  wire::FrameHeader short_swarm;
  short_swarm.mutable_hello()->set_protocol(daemon::kProtocolVersion);
  short_swarm.mutable_hello()->set_swarm_id("short");
  cases.push_back({"short-swarm",
                   "a hello with a swarm id of 5 bytes",
                   "a swarm id of 5 bytes",
                   {frame_of(short_swarm)}});
  cases.push_back({"no-hello",
                   "a forward before any hello",
                   "a frame before the hello",
                   {frame_of(honest_forward(), honest_payload())}});
  cases.push_back({"second-hello", "two hellos", "a second hello", {encode(hello), encode(hello)}});
  return cases;
}

/// Frames that break a rule of their form.
std::vector<Case> framing_cases(const Hello& hello) {
  const grpc::ByteBuffer hi = encode(hello);
  const std::string forward = honest_forward().SerializeAsString();
  const std::string long_payload(limits::kMaxFrameBytes, 'x');
  const std::string huge_payload(16 * limits::kMaxFrameBytes, 'x');
  return {
      {"oversized",
       "a frame just above the limit",
       "at most 1048576 are allowed",
       {hi, frame_of(honest_forward(), long_payload)}},
      {"oversized-16mb",
       "a frame above gRPC's own limit",
       "",
       {hi, frame_of(honest_forward(), huge_payload)}},
      {"empty", "a frame of no bytes", "too short for its length", {hi, buffer_of("")}},
      {"short", "a frame of three bytes", "too short for its length", {hi, buffer_of("abc")}},
      {"truncated",
       "a header cut short",
       "a truncated frame",
       {hi, buffer_of(length_word(forward.size()) + forward.substr(0, forward.size() / 2))}},
      {"long-header",
       "a header length of 4 GiB",
       "a frame header of 4294967295 bytes",
       {hi, buffer_of(length_word(0xffffffff) + forward)}},
      {"garbage",
       "a header of random bytes",
       "no FrameHeader",
       {hi, buffer_of(length_word(8) + "\xff\xff\xff\xff\xff\xff\xff\xff")}},
      {"unknown-kind",
       "a header of no known kind",
       "unknown kind",
       {hi, frame_of(wire::FrameHeader())}},
      {"extra-bytes",
       "more payload bytes than stated",
       "whose header states",
       {hi, frame_of(honest_forward(), honest_payload() + "x")}},
      {"receipt-with-bytes",
       "bytes behind a receipt",
       "whose header states 0",
       {hi, frame_of(
                [] {
                  wire::FrameHeader header;
                  header.mutable_receipt();
                  return header;
                }(),
                "bytes")}},
      {"stray-continuation",
       "a continuation of nothing",
       "a continuation of no payload",
       {hi, continuation(wire::DIRECTION_FORWARD, "bytes")}},
      {"empty-continuation",
       "a continuation without bytes",
       "a continuation without bytes",
       {hi, frame_of(honest_forward()), continuation(wire::DIRECTION_FORWARD, "")}},
      {"long-continuation",
       "a continuation past the stated length",
       "more payload bytes than",
       {hi, frame_of(honest_forward()),
        continuation(wire::DIRECTION_FORWARD, honest_payload() + "x")}},
      {"two-at-once",
       "a forward inside an unfinished forward",
       "begins before the one before it",
       {hi, frame_of(honest_forward()), frame_of(honest_forward())}},
  };
}

/// Well-formed frames that lie about their payload.
std::vector<Case> payload_cases(const Hello& hello) {
  const grpc::ByteBuffer hi = encode(hello);
  return {
      {"shape-lying",
       "a shape that needs more bytes than stated",
       "but its shape",
       {hi, forward_with([](auto& h) { h.mutable_payload()->set_width(kWidth + 1); })}},
      {"shape-overflow",
       "a shape whose product wraps around 2^64",
       "not within",
       {hi, forward_with([](auto& h) {
          h.mutable_payload()->set_batch(0x80000000u);
          h.mutable_payload()->set_tokens(0x80000000u);
          h.mutable_payload()->set_width(0x80000000u);
        })}},
      {"shape-huge",
       "a shape of 2^47 bytes",
       "payload bytes",
       {hi, forward_with([](auto& h) {
          h.mutable_payload()->set_batch(limits::kMaxBatch);
          h.mutable_payload()->set_tokens(limits::kMaxContext);
          h.mutable_payload()->set_width(limits::kMaxWidth);
          const std::uint64_t tensor =
              std::uint64_t{limits::kMaxBatch} * limits::kMaxContext * limits::kMaxWidth * 4;
          h.mutable_payload()->set_bytes(tensor + std::uint64_t{limits::kMaxBatch} *
                                                      (limits::kMaxContext + 1) * 4);
        })}},
      {"checksum-lying",
       "a payload with a wrong checksum",
       "wrong checksum",
       {hi, forward_with([](auto& h) { h.mutable_payload()->set_xxh3(1); })}},
      {"unknown-codec",
       "a codec that does not exist",
       "unknown codec 77",
       {hi, forward_with(
                [](auto& h) { h.mutable_payload()->set_codec(static_cast<wire::Codec>(77)); })}},
      {"no-payload",
       "a forward without a payload",
       "without a payload",
       {hi, frame_of([] {
          wire::FrameHeader header = honest_forward();
          header.clear_payload();
          return header;
        }())}},
  };
}

/// Well-formed frames whose fields are out of range.
std::vector<Case> field_cases(const Hello& hello) {
  const grpc::ByteBuffer hi = encode(hello);
  return {
      {"short-holder",
       "a path whose holder has an id of 3 bytes",
       "a node's id of a wrong length",
       {hi, forward_with([](auto& h) {
          h.mutable_forward()->mutable_path()->add_holders()->set_node("abc");
        })}},
      {"long-path",
       "a path of 1025 holders",
       "holders 1025",
       {hi, forward_with([](auto& h) {
          for (std::uint32_t i = 0; i <= limits::kMaxStagesOfReplicas; ++i)
            h.mutable_forward()->mutable_path()->add_holders()->set_node(std::string(32, 'n'));
        })}},
      {"many-gone", "a beacon that names 33 lost instances", "gone 33", {hi, beacon_of_gone(33)}},
      {"unknown-path-request",
       "a path request of kind 9",
       "unknown path request 9",
       {hi, path_request_of_kind(9)}},
      {"nan-share", "a share that counts NaN", "a share's weight", {hi, bare_share(true)}},
      {"bare-share",
       "a share without weights",
       "a share without a payload",
       {hi, bare_share(false)}},
      {"group-lying",
       "a micro-batch outside of its group",
       "outside of its group",
       {hi, forward_with([](auto& h) {
          h.mutable_forward()->set_group_first(100);
          h.mutable_forward()->set_group_size(8);
        })}},
      {"nan-loss",
       "a loss that is NaN",
       "not finite",
       {hi, backward_with_loss(std::numeric_limits<double>::quiet_NaN())}},
      {"infinite-loss",
       "a loss that is infinite",
       "not finite",
       {hi, backward_with_loss(std::numeric_limits<double>::infinity())}},
      {"many-offers", "a beacon of 17 offers", "offers 17", {hi, beacon_with_offers(17)}},
      {"unknown-receipt", "a receipt of kind 9", "unknown receipt 9", {hi, receipt_of_kind(9)}},
      {"unknown-direction",
       "a continuation in direction 5",
       "unknown direction 5",
       {hi, continuation(5, "x")}},
  };
}

void append(std::vector<Case>& to, std::vector<Case> from) {
  for (Case& one : from) to.push_back(std::move(one));
}

}  // namespace

std::vector<Case> all_cases(const Hello& hello) {
  std::vector<Case> cases = handshake_cases(hello);
  append(cases, framing_cases(hello));
  append(cases, payload_cases(hello));
  append(cases, field_cases(hello));
  return cases;
}

grpc::ByteBuffer nan_forward(std::uint32_t epoch, std::uint64_t sequence, std::uint32_t batch,
                             std::uint32_t tokens, std::uint32_t width) {
  const std::size_t values = std::size_t{batch} * tokens * width;
  std::vector<float> tensor(values, std::numeric_limits<float>::quiet_NaN());
  std::string payload(reinterpret_cast<const char*>(tensor.data()), values * sizeof(float));
  payload.append(std::size_t{batch} * (tokens + 1) * 4, '\0');  // token 0 everywhere
  wire::FrameHeader header = honest_forward();
  header.mutable_forward()->mutable_id()->set_epoch(epoch);
  header.mutable_forward()->mutable_id()->set_sequence(sequence);
  header.mutable_forward()->set_group_first(sequence);
  wire::PayloadHeader& plan = *header.mutable_payload();
  plan.set_bytes(payload.size());
  plan.set_xxh3(checksum_of(payload));
  plan.set_batch(batch);
  plan.set_tokens(tokens);
  plan.set_width(width);
  return frame_of(header, payload);
}

class RawLink::Reactor final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Reactor(const std::string& address, const daemon::Identity& identity, const NodeId& node) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1);
    channel_ = grpc::CreateCustomChannel(
        address,
        daemon::make_dial_credentials(identity, node, std::make_shared<daemon::DialVerdict>()),
        arguments);
    stub_ = std::make_unique<grpc::GenericStub>(channel_);
    stub_->PrepareBidiStreamingCall(&context_, "/brigade.v1.Link/Stream", {}, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }

  void send(grpc::ByteBuffer frame) {
    const std::lock_guard lock(mutex_);
    outgoing_.push_back(std::move(frame));
    write_next();
  }

  void half_close() {
    const std::lock_guard lock(mutex_);
    if (!is_released_) StartWritesDone();
  }

  std::optional<daemon::ParsedFrame> receive(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return !received_.empty() || is_released_; });
    if (received_.empty()) return std::nullopt;
    daemon::ParsedFrame frame = std::move(received_.front());
    received_.pop_front();
    return frame;
  }

  std::optional<grpc::Status> wait_end(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return status_.has_value(); });
    return status_;
  }

  void cancel_and_wait() {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return status_.has_value(); });
  }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    if (ok) {
      if (Result<daemon::ParsedFrame> frame = daemon::parse_frame(incoming_); frame.has_value()) {
        received_.push_back(std::move(*frame));
      }
      StartRead(&incoming_);
    } else {
      is_released_ = true;
      RemoveHold();
    }
    changed_.notify_all();
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!ok) outgoing_.clear();
    write_next();
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }

 private:
  void write_next() {
    if (is_writing_ || is_released_ || outgoing_.empty()) return;
    writing_ = std::move(outgoing_.front());
    outgoing_.pop_front();
    is_writing_ = true;
    StartWrite(&writing_);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer writing_;
  std::deque<grpc::ByteBuffer> outgoing_;
  std::deque<daemon::ParsedFrame> received_;
  bool is_writing_ = false;
  bool is_released_ = false;
  std::optional<grpc::Status> status_;
};

RawLink::RawLink(const std::string& address, const daemon::Identity& identity, const NodeId& node)
    : reactor_(std::make_unique<Reactor>(address, identity, node)) {}

RawLink::~RawLink() {
  reactor_->cancel_and_wait();
}

void RawLink::send(grpc::ByteBuffer frame) {
  reactor_->send(std::move(frame));
}

void RawLink::half_close() {
  reactor_->half_close();
}

std::optional<daemon::ParsedFrame> RawLink::receive(std::chrono::milliseconds limit) {
  return reactor_->receive(limit);
}

std::optional<grpc::Status> RawLink::wait_end(std::chrono::milliseconds limit) {
  return reactor_->wait_end(limit);
}

}  // namespace brigade::hostile

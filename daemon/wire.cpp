#include "daemon/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "daemon/wire_fields.hpp"
#include "daemon/wire_replicas.hpp"

namespace brigade::daemon {

namespace {

Result<swarm::Direction> direction_from(int value) {
  if (value == wire::DIRECTION_FORWARD) return swarm::Direction::kForward;
  if (value == wire::DIRECTION_BACKWARD) return swarm::Direction::kBackward;
  return protocol_error(fmt::format("unknown direction {}", value));
}

wire::Direction direction_to(swarm::Direction direction) {
  return direction == swarm::Direction::kForward ? wire::DIRECTION_FORWARD
                                                 : wire::DIRECTION_BACKWARD;
}

Result<swarm::Receipt::Kind> receipt_kind_from(int value) {
  if (value < wire::RECEIPT_RECEIVED || value > wire::RECEIPT_SPENT) {
    return protocol_error(fmt::format("unknown receipt {}", value));
  }
  return static_cast<swarm::Receipt::Kind>(value);  // the numbers agree, see the assertions below
}
static_assert(static_cast<int>(swarm::Receipt::Kind::kReceived) == wire::RECEIPT_RECEIVED);
static_assert(static_cast<int>(swarm::Receipt::Kind::kApplied) == wire::RECEIPT_APPLIED);
static_assert(static_cast<int>(swarm::Receipt::Kind::kMissing) == wire::RECEIPT_MISSING);
static_assert(static_cast<int>(swarm::Receipt::Kind::kBusy) == wire::RECEIPT_BUSY);
static_assert(static_cast<int>(swarm::Receipt::Kind::kRejected) == wire::RECEIPT_REJECTED);
static_assert(static_cast<int>(swarm::Receipt::Kind::kSpent) == wire::RECEIPT_SPENT);
static_assert(static_cast<int>(Codec::kFp32) == wire::CODEC_FP32);
static_assert(static_cast<int>(Codec::kBf16) == wire::CODEC_BF16);
static_assert(static_cast<int>(Codec::kInt8) == wire::CODEC_INT8);

/// None: a number that this version does not know.
std::optional<Codec> codec_from(std::uint32_t number) {
  const auto* found = std::ranges::find(
      stage::kCodecs, number, [](Codec codec) { return static_cast<std::uint32_t>(codec); });
  return found == stage::kCodecs.end() ? std::nullopt : std::optional(*found);
}

Result<swarm::CheckpointId> checkpoint_from(const wire::CheckpointId& id) {
  BRIGADE_TRY(check_at_most("position", id.position(), limits::kMaxPosition));
  return swarm::CheckpointId{Epoch(id.epoch()), id.position()};
}

void checkpoint_to(const swarm::CheckpointId& id, wire::CheckpointId& out) {
  out.set_epoch(id.epoch.value());
  out.set_position(id.position);
}

Result<PayloadPlan> plan_from(const wire::PayloadHeader& payload, bool has_tokens) {
  const auto codec = codec_from(static_cast<std::uint32_t>(payload.codec()));
  if (!codec) {
    return protocol_error(fmt::format("unknown codec {}", static_cast<int>(payload.codec())));
  }
  BRIGADE_TRY(check_within("batch", payload.batch(), limits::kMaxBatch));
  BRIGADE_TRY(check_within("tokens", payload.tokens(), limits::kMaxContext));
  BRIGADE_TRY(check_within("width", payload.width(), limits::kMaxWidth));
  if (payload.has_tokens() != has_tokens) {
    return protocol_error(has_tokens ? "a forward without its tokens" : "tokens where none belong");
  }
  PayloadPlan plan;
  plan.shape = {*codec, payload.batch(), payload.tokens(), payload.width(), has_tokens};
  plan.bytes = payload.bytes();
  plan.checksum = payload.xxh3();
  if (plan.shape.total_bytes() != plan.bytes) {
    return protocol_error(fmt::format(
        "a payload of {} bytes, but its shape ({}, {}, {}){} needs {} in {}", plan.bytes,
        payload.batch(), payload.tokens(), payload.width(), has_tokens ? " with tokens" : "",
        plan.shape.total_bytes(), stage::codec_name(*codec)));
  }
  BRIGADE_TRY(check_at_most("payload bytes", plan.bytes, limits::kMaxPayloadBytes));
  return plan;
}

void payload_to(const PayloadData& payload, wire::PayloadHeader& out) {
  BRIGADE_CHECK(payload.shape.total_bytes() == payload.bytes.size(), "payload and shape differ");
  out.set_bytes(payload.bytes.size());
  out.set_xxh3(payload.checksum);
  out.set_codec(static_cast<wire::Codec>(payload.shape.codec));
  out.set_batch(payload.shape.batch);
  out.set_tokens(payload.shape.tokens);
  out.set_width(payload.shape.width);
  out.set_has_tokens(payload.shape.has_tokens);
}

Result<ParsedHeader> forward_from(const wire::FrameHeader& header) {
  const wire::Forward& in = header.forward();
  swarm::Forward out;
  BRIGADE_ASSIGN(out.id, id_from(in.id()));
  out.attempt = Attempt(in.attempt());
  BRIGADE_TRY(check_at_most("group", in.group_first(), limits::kMaxPosition));
  BRIGADE_TRY(check_within("group size", in.group_size(), limits::kMaxInFlight));
  const std::uint64_t sequence = in.id().sequence();
  const bool is_member =
      sequence >= in.group_first() && sequence - in.group_first() < in.group_size();
  if (in.group_size() > 1 && !is_member) {
    return protocol_error(fmt::format("sequence {} outside of its group {} + {}", sequence,
                                      in.group_first(), in.group_size()));
  }
  out.group = {Sequence(in.group_first()), in.group_size()};
  BRIGADE_ASSIGN(out.path, path_from(in.path()));
  if (!header.has_payload()) return protocol_error("a forward without a payload");
  BRIGADE_ASSIGN(const PayloadPlan plan, plan_from(header.payload(), /*has_tokens=*/true));
  return ParsedHeader{swarm::Message(out), plan};
}

Result<swarm::Load> load_from(const wire::Load& in) {
  BRIGADE_TRY(check_at_most("stage", in.stage(), limits::kMaxStages - 1));
  BRIGADE_TRY(check_at_most("pace", in.pace_ns(), limits::kMaxPaceNs));
  BRIGADE_TRY(check_at_most("elapsed", in.elapsed_ns(), limits::kMaxElapsedNs));
  BRIGADE_TRY(check_at_most("computing", in.computing_ns(), in.elapsed_ns()));
  return swarm::Load{StageIndex(in.stage()), duration_from(in.pace_ns()),
                     duration_from(in.computing_ns()), duration_from(in.elapsed_ns())};
}

void load_to(const swarm::Load& in, wire::Load& out) {
  out.set_stage(in.stage.value());
  out.set_pace_ns(std::min(nanoseconds_of(in.pace), limits::kMaxPaceNs));
  out.set_elapsed_ns(std::min(nanoseconds_of(in.elapsed), limits::kMaxElapsedNs));
  out.set_computing_ns(std::min(nanoseconds_of(in.computing), out.elapsed_ns()));
}

Result<ParsedHeader> backward_from(const wire::FrameHeader& header) {
  const wire::Backward& in = header.backward();
  swarm::Backward out;
  BRIGADE_ASSIGN(out.id, id_from(in.id()));
  out.attempt = Attempt(in.attempt());
  if (!std::isfinite(in.loss_nats())) return protocol_error("a loss that is not finite");
  BRIGADE_TRY(check_at_most("loss tokens", in.loss_tokens(),
                            std::uint64_t{limits::kMaxBatch} * limits::kMaxContext));
  out.loss = {in.loss_nats(), in.loss_tokens()};
  BRIGADE_ASSIGN(out.load, load_from(in.load()));
  if (header.has_payload() == in.id().is_eval()) {
    return protocol_error(in.id().is_eval() ? "an evaluation's backward with a payload"
                                            : "a backward without a payload");
  }
  if (!header.has_payload()) return ParsedHeader{swarm::Message(out), std::nullopt};
  BRIGADE_ASSIGN(const PayloadPlan plan, plan_from(header.payload(), /*has_tokens=*/false));
  return ParsedHeader{swarm::Message(out), plan};
}

Result<swarm::Message> receipt_from(const wire::Receipt& in) {
  swarm::Receipt out;
  BRIGADE_ASSIGN(out.id, id_from(in.id()));
  BRIGADE_ASSIGN(out.direction, direction_from(in.direction()));
  out.attempt = Attempt(in.attempt());
  BRIGADE_ASSIGN(out.kind, receipt_kind_from(in.kind()));
  BRIGADE_ASSIGN(out.offer, offer_from(in.offer()));
  return swarm::Message(out);
}

Result<swarm::Message> query_from(const wire::Query& in) {
  swarm::Query out;
  BRIGADE_ASSIGN(out.id, id_from(in.id()));
  BRIGADE_ASSIGN(out.direction, direction_from(in.direction()));
  out.attempt = Attempt(in.attempt());
  BRIGADE_ASSIGN(out.path, path_from(in.path()));
  return swarm::Message(out);
}

Result<swarm::Message> up_beacon_from(const wire::UpBeacon& in) {
  swarm::UpBeacon out;
  out.epoch = Epoch(in.epoch());
  out.needs_epoch = in.needs_epoch();
  out.is_ready = in.is_ready();
  out.wants_stop = in.wants_stop();
  out.max_epoch = Epoch(in.max_epoch());
  BRIGADE_TRY(check_at_most("stages", in.stages(), limits::kMaxStages));
  out.stages = in.stages();
  BRIGADE_TRY(check_at_most("applied", in.applied(), limits::kMaxPosition));
  out.applied = in.applied();
  out.is_drained = in.is_drained();
  BRIGADE_TRY(
      check_at_most("offers", static_cast<std::uint64_t>(in.offers_size()), limits::kMaxOffers));
  for (const wire::CheckpointId& offer : in.offers()) {
    BRIGADE_ASSIGN(const swarm::CheckpointId id, checkpoint_from(offer));
    out.offers.push_back(id);
  }
  BRIGADE_ASSIGN(out.newest, checkpoint_from(in.newest()));
  BRIGADE_TRY(check_at_most("settled", in.settled(), limits::kMaxPosition));
  out.settled = in.settled();
  return swarm::Message(std::move(out));
}

Result<swarm::Message> down_beacon_from(const wire::DownBeacon& in) {
  swarm::DownBeacon out;
  out.epoch = Epoch(in.epoch());
  BRIGADE_ASSIGN(out.from, checkpoint_from(in.from()));
  if (in.has_final_position()) {
    BRIGADE_TRY(check_at_most("final position", in.final_position(), limits::kMaxPosition));
    out.final_position = in.final_position();
  }
  BRIGADE_ASSIGN(out.committed, checkpoint_from(in.committed()));
  out.is_over = in.is_over();
  out.is_sealed = in.is_sealed();
  BRIGADE_TRY(check_at_most("settled", in.settled(), limits::kMaxPosition));
  out.settled = in.settled();
  return swarm::Message(out);
}

Result<ParsedHeader> share_from(const wire::FrameHeader& header) {
  const wire::Share& in = header.share();
  swarm::Share out;
  out.round = in.round();
  out.is_answer = in.is_answer();
  if (!std::isfinite(in.weight()) || in.weight() < 0)
    return protocol_error("a share's weight that can't be");
  out.weight = in.weight();
  BRIGADE_TRY(check_at_most("position", in.position(), limits::kMaxPosition));
  out.position = in.position();
  if (!header.has_payload() && !out.is_answer) return protocol_error("a share without a payload");
  if (!header.has_payload()) return ParsedHeader{swarm::Message(out), std::nullopt};
  BRIGADE_ASSIGN(const PayloadPlan plan, plan_from(header.payload(), /*has_tokens=*/false));
  return ParsedHeader{swarm::Message(out), plan};
}

/// What both ends know; a node that names none knows fp32.
std::vector<Codec> codecs_from(const wire::Hello& in) {
  std::vector<Codec> codecs{Codec::kFp32};
  for (const std::uint32_t number : in.codecs()) {
    const auto codec = codec_from(number);
    if (codec && std::ranges::find(codecs, *codec) == codecs.end()) codecs.push_back(*codec);
  }
  return codecs;
}

Result<Hello> hello_from(const wire::Hello& in) {
  Hello out;
  out.protocol = in.protocol();
  // Another version may have other fields: its number is all that is looked at (handshake.cpp).
  if (out.protocol != kProtocolVersion) return out;
  if (in.swarm_id().size() != out.swarm.size()) {
    return protocol_error(
        fmt::format("a swarm id of {} bytes, not {}", in.swarm_id().size(), out.swarm.size()));
  }
  std::copy(in.swarm_id().begin(), in.swarm_id().end(), out.swarm.begin());
  const std::string& settings = in.settings().empty() ? in.swarm_id() : in.settings();
  if (settings.size() != out.settings.size()) {
    return protocol_error(fmt::format("a hash of settings of {} bytes, not {}", settings.size(),
                                      out.settings.size()));
  }
  std::copy(settings.begin(), settings.end(), out.settings.begin());
  BRIGADE_TRY(check_at_most("record bytes", in.record().size(), limits::kMaxRecordBytes));
  out.record = in.record();
  BRIGADE_TRY(check_at_most("stage", in.stage(), limits::kMaxStages - 1));
  out.stage = StageIndex(in.stage());
  out.instance = in.instance();
  out.software = printable_line(in.software());
  if (in.max_frame_bytes() < kMinFrameBytes) {
    return protocol_error(fmt::format("it accepts frames of {} bytes alone, {} are needed",
                                      in.max_frame_bytes(), kMinFrameBytes));
  }
  out.max_frame_bytes = in.max_frame_bytes();
  BRIGADE_TRY(
      check_at_most("codecs", static_cast<std::uint64_t>(in.codecs_size()), limits::kMaxCodecs));
  out.codecs = codecs_from(in);
  return out;
}

struct ToWire {
  wire::FrameHeader& header;

  void operator()(const swarm::Message& message) const { std::visit(*this, message); }
  void operator()(const swarm::Forward& in) const {
    wire::Forward& out = *header.mutable_forward();
    id_to(in.id, *out.mutable_id());
    out.set_attempt(in.attempt.value());
    out.set_group_first(in.group.first.value());
    out.set_group_size(in.group.size);
    if (!in.path.holders.empty()) path_to(in.path, *out.mutable_path());
  }
  void operator()(const swarm::Backward& in) const {
    wire::Backward& out = *header.mutable_backward();
    id_to(in.id, *out.mutable_id());
    out.set_attempt(in.attempt.value());
    out.set_loss_nats(in.loss.nats);
    out.set_loss_tokens(in.loss.tokens);
    load_to(in.load, *out.mutable_load());
  }
  void operator()(const swarm::Receipt& in) const {
    wire::Receipt& out = *header.mutable_receipt();
    id_to(in.id, *out.mutable_id());
    out.set_direction(direction_to(in.direction));
    out.set_attempt(in.attempt.value());
    out.set_kind(static_cast<wire::ReceiptKind>(in.kind));
    const bool has_offer =
        !in.offer.path.empty() || in.offer.queue > 0 || in.offer.pace.count() > 0;
    if (has_offer) offer_to(in.offer, *out.mutable_offer());
  }
  void operator()(const swarm::Query& in) const {
    wire::Query& out = *header.mutable_query();
    id_to(in.id, *out.mutable_id());
    out.set_direction(direction_to(in.direction));
    out.set_attempt(in.attempt.value());
    if (!in.path.holders.empty()) path_to(in.path, *out.mutable_path());
  }
  void operator()(const swarm::UpBeacon& in) const {
    BRIGADE_CHECK(in.offers.size() <= limits::kMaxOffers, "too many offers in a beacon");
    wire::UpBeacon& out = *header.mutable_up_beacon();
    out.set_epoch(in.epoch.value());
    out.set_needs_epoch(in.needs_epoch);
    out.set_is_ready(in.is_ready);
    out.set_wants_stop(in.wants_stop);
    out.set_max_epoch(in.max_epoch.value());
    out.set_stages(in.stages);
    out.set_applied(in.applied);
    out.set_is_drained(in.is_drained);
    for (const swarm::CheckpointId& offer : in.offers) checkpoint_to(offer, *out.add_offers());
    checkpoint_to(in.newest, *out.mutable_newest());
    out.set_settled(in.settled);
  }
  void operator()(const swarm::DownBeacon& in) const {
    wire::DownBeacon& out = *header.mutable_down_beacon();
    out.set_epoch(in.epoch.value());
    checkpoint_to(in.from, *out.mutable_from());
    if (in.final_position) out.set_final_position(*in.final_position);
    checkpoint_to(in.committed, *out.mutable_committed());
    out.set_is_over(in.is_over);
    out.set_is_sealed(in.is_sealed);
    out.set_settled(in.settled);
  }
  void operator()(const swarm::NodeBeacon& in) const {
    node_beacon_to(in, *header.mutable_node_beacon());
  }
  void operator()(const swarm::PathRequest& in) const {
    path_request_to(in, *header.mutable_path_request());
  }
  void operator()(const swarm::Share& in) const {
    wire::Share& out = *header.mutable_share();
    out.set_round(in.round);
    out.set_is_answer(in.is_answer);
    out.set_weight(in.weight);
    out.set_position(in.position);
  }
  void operator()(const Hello& in) const {
    wire::Hello& out = *header.mutable_hello();
    out.set_protocol(in.protocol);
    out.set_swarm_id(in.swarm.data(), in.swarm.size());
    out.set_stage(in.stage.value());
    out.set_software(in.software);
    out.set_max_frame_bytes(in.max_frame_bytes);
    for (const Codec codec : in.codecs) out.add_codecs(static_cast<std::uint32_t>(codec));
    const bool has_settings = in.settings != SwarmId{} && in.settings != in.swarm;
    if (has_settings) out.set_settings(in.settings.data(), in.settings.size());
    out.set_record(in.record);
    out.set_instance(in.instance);
  }
  void operator()(const Goodbye& in) const { header.mutable_goodbye()->set_reason(in.reason); }
  void operator()(const Continuation& in) const {
    header.mutable_continuation()->set_direction(direction_to(in.direction));
  }
  void operator()(const Ping& in) const { header.mutable_ping()->set_token(in.token); }
  void operator()(const Pong& in) const { header.mutable_pong()->set_token(in.token); }
  void operator()(const RelayCall& in) const {
    header.mutable_relay_call()->set_tunnel(in.tunnel);
    header.mutable_relay_call()->set_caller(in.caller.bytes.data(), in.caller.bytes.size());
  }
  void operator()(const Gossip& in) const { header.mutable_gossip()->set_message(in.bytes); }
};

template <class T>
Result<ParsedHeader> without_payload(Result<T> body) {
  BRIGADE_ASSIGN(T value, std::move(body));
  return ParsedHeader{FrameBody(std::move(value)), std::nullopt};
}

}  // namespace

wire::FrameHeader to_wire(const FrameBody& body, const PayloadData* payload) {
  wire::FrameHeader header;
  std::visit(ToWire{header}, body);
  if (payload != nullptr) payload_to(*payload, *header.mutable_payload());
  return header;
}

Result<ParsedHeader> from_wire(const wire::FrameHeader& header) {
  using Kind = wire::FrameHeader::KindCase;
  const Kind kind = header.kind_case();
  const bool may_carry = kind == Kind::kForward || kind == Kind::kBackward || kind == Kind::kShare;
  if (header.has_payload() && !may_carry) {
    return protocol_error("a payload in a frame that has none");
  }
  switch (kind) {
    case Kind::kForward:
      return forward_from(header);
    case Kind::kBackward:
      return backward_from(header);
    case Kind::kReceipt:
      return without_payload(receipt_from(header.receipt()));
    case Kind::kQuery:
      return without_payload(query_from(header.query()));
    case Kind::kUpBeacon:
      return without_payload(up_beacon_from(header.up_beacon()));
    case Kind::kDownBeacon:
      return without_payload(down_beacon_from(header.down_beacon()));
    case Kind::kNodeBeacon:
      return without_payload(node_beacon_from(header.node_beacon()));
    case Kind::kPathRequest:
      return without_payload(path_request_from(header.path_request()));
    case Kind::kShare:
      return share_from(header);
    case Kind::kHello:
      return without_payload(hello_from(header.hello()));
    case Kind::kGoodbye:
      return ParsedHeader{Goodbye{printable_line(header.goodbye().reason())}, std::nullopt};
    case Kind::kContinuation: {
      BRIGADE_ASSIGN(const swarm::Direction direction,
                     direction_from(header.continuation().direction()));
      return ParsedHeader{Continuation{direction}, std::nullopt};
    }
    case Kind::kPing:
      return ParsedHeader{Ping{header.ping().token()}, std::nullopt};
    case Kind::kPong:
      return ParsedHeader{Pong{header.pong().token()}, std::nullopt};
    case Kind::kGossip:
      return ParsedHeader{Gossip{header.gossip().message()}, std::nullopt};
    case Kind::kRelayCall: {
      BRIGADE_ASSIGN(const NodeId caller, node_from(header.relay_call().caller()));
      return ParsedHeader{RelayCall{header.relay_call().tunnel(), caller}, std::nullopt};
    }
    case Kind::KIND_NOT_SET:
      break;
  }
  return protocol_error("a frame of an unknown kind");
}

}  // namespace brigade::daemon

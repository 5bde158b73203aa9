// Any bytes as a frame, cut into slices where the input says: parsing must not crash, and what it
// accepts must be within the bounds that the rest of the daemon relies on.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "daemon/frame.hpp"

namespace {

using namespace brigade;
using namespace brigade::daemon;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_message(const swarm::Message& message, const std::optional<PayloadPlan>& plan) {
  if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
    require(plan.has_value() && plan->shape.has_tokens);
    require(forward->group.size >= 1 && forward->group.size <= limits::kMaxInFlight);
  }
  if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
    require(std::isfinite(backward->loss.nats));
    require(Duration::zero() <= backward->load.computing &&
            backward->load.computing <= backward->load.elapsed &&
            backward->load.pace >= Duration::zero());
    require(plan.has_value() == (backward->id.kind == MicrobatchId::Kind::kTrain));
  }
  if (const auto* beacon = std::get_if<swarm::UpBeacon>(&message)) {
    require(beacon->offers.size() <= limits::kMaxOffers);
  }
  if (const auto* beacon = std::get_if<swarm::NodeBeacon>(&message)) {
    require(beacon->gone.size() <= limits::kMaxGoneTold);
    require(beacon->floors.size() <= limits::kMaxFloorsTold);
    require(beacon->stamp >= Duration::zero() && beacon->held >= Duration::zero());
  }
  if (const auto* request = std::get_if<swarm::PathRequest>(&message))
    require(request->path.holders.size() <= limits::kMaxStagesOfReplicas);
  if (const auto* share = std::get_if<swarm::Share>(&message)) {
    require(std::isfinite(share->weight) && share->weight >= 0);
    require(plan.has_value() || share->is_answer);
  }
}

void check_frame(const ParsedFrame& frame) {
  if (const auto* message = std::get_if<swarm::Message>(&frame.body)) {
    check_message(*message, frame.plan);
  } else {
    require(!frame.plan);
  }
  if (!frame.plan) return;
  require(frame.plan->bytes == frame.plan->shape.total_bytes());
  require(frame.plan->bytes <= limits::kMaxPayloadBytes);
  require(frame.part_bytes <= frame.plan->bytes);
  if (frame.plan->bytes > 1024 * 1024) return;  // of a header's say-so alone: keeps the target fast
  PayloadAssembler assembler;
  require(assembler.begin(*frame.plan).has_value());
  const auto payload = assembler.add(frame.part);
  if (payload.has_value() && payload->has_value()) {
    require((*payload)->tensor().size() + (*payload)->token_bytes().size() == frame.plan->bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = parse_header({reinterpret_cast<const std::byte*>(data), size});
  // What was understood can be said again and is understood. Frames with payload bytes are left
  // out: the bytes are not at hand here.
  if (header.has_value() && !header->plan && !std::holds_alternative<Continuation>(header->body)) {
    require(parse_frame(encode_frame(header->body)).has_value());
  }
  const std::size_t cut = size == 0 ? 0 : data[size / 2] * size / 256;
  const auto frame = parse_frame({grpc::Slice(data, cut), grpc::Slice(data + cut, size - cut)});
  if (frame.has_value()) check_frame(*frame);
  return 0;
}

#include "daemon/send_queue.hpp"

#include <algorithm>
#include <utility>

namespace brigade::daemon {

SendQueue::Lane SendQueue::lane_of(const FrameBody& body) {
  if (std::holds_alternative<Goodbye>(body)) return kFarewell;
  const auto* message = std::get_if<swarm::Message>(&body);
  if (message == nullptr) return kControl;
  if (std::holds_alternative<swarm::Forward>(*message)) return kActivation;
  if (std::holds_alternative<swarm::Share>(*message)) return kActivation;
  if (std::holds_alternative<swarm::Backward>(*message)) return kGradient;
  if (const auto* query = std::get_if<swarm::Query>(message)) {
    return query->direction == swarm::Direction::kForward ? kActivation : kGradient;
  }
  return kControl;
}

bool SendQueue::push(const FrameBody& body, std::optional<PayloadData> payload) {
  const Lane lane = lane_of(body);
  Outgoing outgoing;
  outgoing.header = encode_header(body, payload ? &*payload : nullptr);
  if (payload) outgoing.payload = std::move(payload->bytes);
  const std::size_t size = outgoing.header.size() + outgoing.payload.size();
  const bool is_small = lane == kControl || lane == kFarewell;
  const std::size_t bound = bounds_.bytes + (is_small ? bounds_.control_reserve : 0);
  if (bytes_ + size > bound) return false;
  bytes_ += size;
  lanes_[lane].push_back(std::move(outgoing));
  return true;
}

SendQueue::Frame SendQueue::next_part(Outgoing& outgoing, Lane lane) {
  const std::size_t part = std::min(part_bytes_, outgoing.payload.size() - outgoing.sent);
  std::array<grpc::Slice, 2> slices;
  if (!outgoing.has_begun) {
    bytes_ -= outgoing.header.size();
    slices[0] = std::move(outgoing.header);
    outgoing.has_begun = true;
  } else {
    slices[0] = encode_header(
        Continuation{lane == kGradient ? swarm::Direction::kBackward : swarm::Direction::kForward},
        nullptr);
  }
  if (part > 0) slices[1] = outgoing.payload.sub(outgoing.sent, outgoing.sent + part);
  outgoing.sent += part;
  bytes_ -= part;
  return {grpc::ByteBuffer(slices.data(), part > 0 ? 2 : 1),
          outgoing.sent == outgoing.payload.size()};
}

std::optional<SendQueue::Frame> SendQueue::pop() {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::deque<Outgoing>& queue = lanes_[lane];
    if (queue.empty()) continue;
    Frame frame = next_part(queue.front(), static_cast<Lane>(lane));
    if (frame.ends_message) queue.pop_front();
    return frame;
  }
  return std::nullopt;
}

bool SendQueue::is_empty() const {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane.empty(); });
}

void SendQueue::clear() {
  for (auto& lane : lanes_) lane.clear();
  bytes_ = 0;
}

}  // namespace brigade::daemon

// What waits to travel on one link, and in which order. Small messages go first, then gradients,
// then activations and shares; a long payload leaves in parts, and the choice is made anew before
// each, so that whatever is more urgent waits for one part at most. Within a lane: first in, first
// out. A Query travels in the lane of what it asks about: if it came first, the peer would miss
// what still waits here, and the core would send it again on a link that is slow already. A Goodbye
// goes last.
//
// Bound: limits::kMaxLinkQueueBytes, and kControlReserveBytes more for small messages. At the bound
// push() refuses: the core repeats what matters. Not thread-safe: the stream's lock guards it.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "daemon/frame.hpp"

namespace brigade::daemon {

/// Longest part of a payload in one frame: what a gradient may wait for behind an activation (at
/// 10 Mbit/s a fifth of a second), and enough that the cost of a frame does not count.
inline constexpr std::size_t kPartBytes = 256 * 1024;

class SendQueue {
 public:
  struct Bounds {
    std::size_t bytes = limits::kMaxLinkQueueBytes;
    std::size_t control_reserve = limits::kControlReserveBytes;
  };
  struct Frame {
    grpc::ByteBuffer bytes;
    bool ends_message = false;
  };

  SendQueue() : SendQueue(Bounds{}) {}
  explicit SendQueue(Bounds bounds) : bounds_(bounds) {}

  /// False at the bound. `payload` where the message carries one.
  bool push(const FrameBody& body, std::optional<PayloadData> payload);
  /// The next frame to write.
  std::optional<Frame> pop();

  /// For a peer that accepts shorter frames only.
  void set_part_bytes(std::size_t bytes) { part_bytes_ = bytes; }
  bool is_empty() const;
  std::size_t bytes() const { return bytes_; }  // queued and not popped, headers included
  void clear();

 private:
  enum Lane : std::size_t { kControl, kGradient, kActivation, kFarewell, kLanes };
  struct Outgoing {
    grpc::Slice header;
    grpc::Slice payload;
    std::size_t sent = 0;  // of the payload
    bool has_begun = false;
  };

  static Lane lane_of(const FrameBody& body);
  Frame next_part(Outgoing& outgoing, Lane lane);

  Bounds bounds_;
  std::size_t part_bytes_ = kPartBytes;
  std::size_t bytes_ = 0;
  std::array<std::deque<Outgoing>, kLanes> lanes_;
};

}  // namespace brigade::daemon

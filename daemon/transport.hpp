// Links to peers, as the rest of the daemon sees them. The implementation (gRPC streams under
// mutual TLS, daemon/grpc_transport.cpp) is the only code that knows how bytes travel.
//
// Threading: send() and the constructor's caller run on the core strand. Callbacks are posted to
// that strand by the implementation. Order: messages to one peer arrive in the order sent, except
// that gradients and small messages overtake activations that have not started to travel. A Query
// never overtakes what it asks about.
// Bounds: limits::kMaxFrameHeaderBytes, kMaxPayloadBytes, kMaxLinkQueueBytes a link. A frame that
// breaks a rule closes the link with a reason that is logged on both sides.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "daemon/payload.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

struct PeerAddress {
  NodeId id;            // pinned: a peer that proves another key is refused
  std::string address;  // host:port; empty: it dials us
  StageIndex stage;     // must be what its Hello says
};

struct LinkInfo {
  PeerAddress peer;
  bool is_linked = false;
  double round_trip_ms = 0;    // 0: not measured yet
  std::string last_error;      // one line: why the last try failed
  Codec codec = Codec::kFp32;  // of tensors on this link, as agreed in the handshake
};

struct TransportCounters {
  std::uint64_t bytes_sent = 0;  // of whole frames, headers included
  std::uint64_t bytes_received = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t frames_refused = 0;
  std::uint64_t messages_dropped = 0;  // not sent: the link's queue was full
};

struct TransportCallbacks {
  std::function<void(const PeerAddress&)> on_link_up;
  std::function<void(const PeerAddress&, const std::string& reason)> on_link_down;
  /// The payload of the swarm::Payload handle inside `message` is not set yet (the driver names
  /// it); `payload` holds the bytes, checksum verified, absent where the frame had none.
  std::function<void(const NodeId& from, swarm::Message message,
                     std::optional<PayloadData> payload)>
      on_message;
  /// A dial failed, a stranger was refused, a frame broke a rule. One line, for the log.
  std::function<void(const std::string& text)> on_warning;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Starts listening and dialling. kIo if the address is in use, with the address in the message.
  virtual Result<> start() = 0;
  /// host:port after start(), with the real port where 0 was asked.
  virtual std::string listen_address() const = 0;
  /// Queues; drops silently if the link is down (the core repeats). `payload` where the message
  /// carries one.
  virtual void send(const NodeId& to, const swarm::Message& message,
                    std::optional<PayloadData> payload) = 0;
  virtual std::vector<LinkInfo> links() const = 0;
  virtual TransportCounters counters() const = 0;
  /// Closes all links, joins all threads; bounded by a few seconds. No callback after it returns.
  virtual void stop() = 0;
};

}  // namespace brigade::daemon

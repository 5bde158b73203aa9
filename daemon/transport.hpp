// Links to peers, as the rest of the daemon sees them. The implementation (gRPC streams under
// mutual TLS, daemon/grpc_transport.cpp) is the only code that knows how bytes travel.
//
// Two kinds of peers. Those of the configuration are pinned: known by id and stage, dialled
// whenever there is no link. In a swarm with an owner there are members as well: anybody whose
// Hello `admit` accepts, dialled when the membership asks for it.
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
#include "base/time.hpp"
#include "daemon/payload.hpp"
#include "daemon/question.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

struct PeerAddress {
  NodeId id;                   // pinned: a peer that proves another key is refused
  std::string address;         // host:port; empty: it dials us
  StageIndex stage;            // of a pinned peer: must be what its Hello says
  bool was_dialled = false;    // of a link that is up: by this node
  std::uint64_t instance = 0;  // of a link that is up: which start of the peer
};

/// A node that both ends of a tunnel can dial (docs/protocol.md, "Tunnels").
struct RelayAddress {
  NodeId node;
  std::string address;
};

struct LinkInfo {
  PeerAddress peer;
  bool is_linked = false;
  double round_trip_ms = 0;          // 0: not measured yet
  std::string last_error;            // one line: why the last try failed
  Codec codec = Codec::kFp32;        // of tensors on this link, as agreed in the handshake
  std::uint64_t bytes_sent = 0;      // of whole frames, while it is up
  std::uint64_t bytes_received = 0;  // the same
  Duration linked_for{};
};

struct TransportCounters {
  std::uint64_t bytes_sent = 0;  // of whole frames, headers included
  std::uint64_t bytes_received = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t frames_refused = 0;
  std::uint64_t messages_dropped = 0;  // not sent: the link's queue was full
  std::uint64_t bytes_relayed = 0;     // passed on between two others
};

struct TransportCallbacks {
  std::function<void(const PeerAddress&)> on_link_up;
  /// `was_closed`: the peer said so, with a Goodbye; else it may be dead.
  std::function<void(const PeerAddress&, const std::string& reason, bool was_closed)> on_link_down;
  // Of members; not set where all peers are pinned.
  /// The signed record for the next Hello.
  std::function<std::string()> own_record;
  /// Whether a node that showed this record may have a link; the error is told to it.
  std::function<Result<>(const NodeId& peer, const std::string& record)> admit;
  std::function<void(const NodeId& peer, const std::string& reason)> on_dial_failed;
  std::function<void(const NodeId& from, std::string bytes)> on_gossip;
  std::function<void(Question)> on_question;
  /// A peer that has proved its key broke a rule of the wire; `what` is one line.
  std::function<void(const NodeId& peer, const std::string& what)> on_misdeed;
  /// Whether this node passes bytes on from `caller` to `callee`; the error is told to the caller.
  std::function<Result<>(const NodeId& caller, const NodeId& callee)> may_relay;
  /// `caller` is about to dial this node through `relay`.
  std::function<void(const NodeId& caller, const NodeId& relay)> on_called;
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
  /// To a member; at most limits::kMaxGossipBytes. Dropped silently if the link is down.
  virtual void send_gossip(const NodeId& to, std::string bytes) = 0;
  /// One try to link a member; its stage is what its Hello says. Answered by on_link_up or
  /// on_dial_failed.
  virtual void dial(const NodeId& member, const std::string& address) = 0;
  /// The same through another member, where it can't be dialled.
  virtual void dial_through(const NodeId& member, const RelayAddress& relay) = 0;
  /// A local address at which a member that can't be dialled is dialled through another, once and
  /// within a few seconds: for questions.
  virtual Result<std::string> open_way(const NodeId& member, const RelayAddress& relay) = 0;
  /// Closes a member's link, or ends its dial; neither is told.
  virtual void drop(const NodeId& member, const std::string& reason) = 0;
  virtual std::vector<LinkInfo> links() const = 0;
  virtual TransportCounters counters() const = 0;
  /// Closes all links, joins all threads; bounded by a few seconds. No callback after it returns.
  virtual void stop() = 0;
};

}  // namespace brigade::daemon

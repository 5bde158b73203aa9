// What a hostile peer may send, as data: each case is the frames in order and a part of the reason
// that the node must give. Used by the transport's tests and by the program hostile_peer.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/frame.hpp"
#include "daemon/identity.hpp"

namespace brigade::hostile {

struct Case {
  std::string name;
  std::string what;    // for --help
  std::string reason;  // part of the node's Goodbye; empty: it can't say one, it just ends
  std::vector<grpc::ByteBuffer> frames;
};

/// `hello` is one that the node would accept.
std::vector<Case> all_cases(const daemon::Hello& hello);

/// A whole, honest forward whose tensor holds NaN: the link carries it, the engine must refuse it.
grpc::ByteBuffer nan_forward(std::uint32_t epoch, std::uint64_t sequence, std::uint32_t batch,
                             std::uint32_t tokens, std::uint32_t width);

/// One raw stream to a node, without any of the manners of daemon/stream.cpp.
class RawLink {
 public:
  RawLink(const std::string& address, const daemon::Identity& identity, const NodeId& node);
  ~RawLink();  // cancels and waits

  /// Queues; frames leave in order.
  void send(grpc::ByteBuffer frame);
  void half_close();
  /// The next frame that the node sent; nothing once the stream ended, or at the deadline.
  std::optional<daemon::ParsedFrame> receive(std::chrono::milliseconds limit);
  /// gRPC's status once the stream ended; nothing at the deadline.
  std::optional<grpc::Status> wait_end(std::chrono::milliseconds limit);

 private:
  class Reactor;
  std::unique_ptr<Reactor> reactor_;
};

}  // namespace brigade::hostile

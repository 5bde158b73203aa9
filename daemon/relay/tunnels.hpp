// This node's ends of tunnels: what comes through one goes into a local socket, and back. The
// transport sees a connection like any other, at a local address.
//
// - The caller's end listens at a local address of its own; the first connection to it opens the
//   tunnel, so a dial of that address is a dial of the node at the far end.
// - The callee's end connects to where this node's own transport listens locally.
// It ends itself when either side does. Addresses are abstract Unix sockets: they need no file.
//
// Threading: one thread of its own; gRPC's threads post to it. All calls from the strand.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/grpc_port.hpp"
#include "daemon/identity.hpp"
#include "daemon/transport.hpp"

namespace brigade::daemon {

/// A local address that nobody has: "unix-abstract:brigade-…", as gRPC writes it.
std::string make_local_address();
bool is_local_address(const std::string& address);

class Tunnels {
 public:
  Tunnels(Identity identity, std::shared_ptr<LiveReactors> live);
  ~Tunnels();

  /// A local address to dial; whoever does so within a few seconds is connected with `callee`.
  Result<std::string> open(const RelayAddress& relay, const NodeId& callee);
  /// Comes for `tunnel`, and joins it with the local address `own`, where this node accepts links.
  void answer(const RelayAddress& relay, std::uint64_t tunnel, const std::string& own);
  /// Ends all; nothing is opened any more. What gRPC still has of them ends soon (LiveReactors).
  void stop();

 private:
  static constexpr std::size_t kMost = 32;  // ends at once: a relay may call more often

  class Pump;
  class Entrance;
  struct Shared;

  bool has_room();

  std::shared_ptr<Shared> shared_;
  bool is_stopped_ = false;  // touched on the thread alone
  boost::asio::thread_pool thread_{1};
  std::vector<std::weak_ptr<Pump>> pumps_;  // touched on the thread alone
  std::vector<std::weak_ptr<Entrance>> entrances_;
};

}  // namespace brigade::daemon

// The relay's part: joins the calls of two nodes into a tunnel and passes bytes on.
//
//   caller ── "to B" ──► relay ── RelayCall on B's link ──► B
//                        relay ◄── "I come for tunnel 7" ── B
//   caller ◄══════════ bytes, both ways ══════════════════► B
//
// Rules
// - Members only, and only to a node that has a link with this one: `on_call` decides.
// - At most kMostTunnels, kMostOfOne of one caller; a callee has kAnswerLimit to come.
// - One piece in each direction is held here, no more: whoever reads slowly holds its writer.
// Threading: gRPC's threads; on_call is told on one of them and posts.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/ids.hpp"
#include "daemon/grpc_port.hpp"

namespace brigade::daemon {

class Relay : public std::enable_shared_from_this<Relay> {
 public:
  static constexpr std::size_t kMostTunnels = 32;
  static constexpr std::size_t kMostOfOne = 4;
  static constexpr std::chrono::seconds kAnswerLimit{10};

  struct Call {
    std::uint64_t tunnel = 0;
    NodeId caller;
    NodeId callee;
  };
  /// `on_call`: somebody wants to reach `callee`, which is to be told; else refuse().
  Relay(std::function<void(const Call&)> on_call, std::shared_ptr<LiveReactors> live);
  ~Relay();

  /// A call of the tunnel method, by an authenticated node.
  grpc::ServerGenericBidiReactor* take(grpc::GenericCallbackServerContext& context,
                                       const NodeId& peer);
  void refuse(std::uint64_t tunnel, const std::string& reason);
  /// Callers whose callee did not come are refused; call now and then.
  void expire();

  std::uint64_t bytes() const { return bytes_; }  // passed on since the start
  std::size_t tunnels() const;

 private:
  class End;
  struct Waiting {
    End* end;
    NodeId callee;
    std::chrono::steady_clock::time_point until;
  };
  void on_request(End& end, const std::string& bytes);
  void on_caller(End& end, const NodeId& callee);
  void on_answer(End& end, std::uint64_t tunnel);
  void forget(End& end);

  std::function<void(const Call&)> on_call_;
  std::shared_ptr<LiveReactors> live_;
  mutable std::mutex mutex_;                  // of the tables and of all ends
  std::map<std::uint64_t, Waiting> waiting_;  // by tunnel
  std::map<NodeId, std::size_t> callers_;     // tunnels of each, waiting ones included
  std::size_t count_ = 0;
  std::uint64_t next_tunnel_ = 1;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace brigade::daemon

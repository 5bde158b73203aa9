// gRPC's ends of a stream: the dial of a peer and the service that accepts peers. Both make a
// Stream and drive it; neither decides anything.
#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "daemon/stream.hpp"
#include "daemon/tls.hpp"

namespace brigade::daemon {

/// Counts gRPC's live reactors, so that a stop can wait for the last one.
class LiveReactors {
 public:
  void enter();
  void leave();
  /// True if none is left before the deadline.
  bool wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
};

struct Dial {
  std::string address;  // host:port
  Identity identity;
  NodeId peer;
  StreamPtr stream;
  std::shared_ptr<LiveReactors> live;
};

/// Tries once, on a connection of its own; the stream is told how it ends.
void start_dial(Dial dial);

/// Listens, admits pinned peers, and hands each accepted call's stream over.
class Acceptor {
 public:
  struct Setup {
    std::string address;  // host:port, port 0: any free one
    Identity identity;
    AcceptPolicy policy;
    std::shared_ptr<LiveReactors> live;
    /// On a gRPC thread: a stream for this authenticated peer, or null to turn the call away.
    std::function<StreamPtr(const NodeId& peer)> make_stream;
  };
  static Result<std::unique_ptr<Acceptor>> start(Setup setup);
  ~Acceptor();

  int port() const { return port_; }
  /// No new calls; open ones are cancelled at the deadline. Blocks until then at most.
  void shutdown(std::chrono::system_clock::time_point deadline);

 private:
  class Service;
  Acceptor(std::unique_ptr<Service> service, std::unique_ptr<grpc::Server> server, int port);

  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;  // destroyed before the service that it calls
  int port_ = 0;
};

}  // namespace brigade::daemon

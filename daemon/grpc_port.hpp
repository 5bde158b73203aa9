// gRPC's ends of a stream: the dial of a peer and the service that accepts peers. Both make a
// Stream and drive it; neither decides anything.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/stream.hpp"
#include "daemon/tls.hpp"

namespace brigade::daemon {

/// Counts gRPC's live reactors, so that a stop can wait for the last one, and holds the channels of
/// ended dials until the strand lets them go: whoever drops gRPC's last channel joins its callback
/// threads, so no callback may (1.51 then frees the queue under its own feet).
class LiveReactors {
 public:
  void enter();
  void leave(std::shared_ptr<grpc::Channel> channel = nullptr);
  /// Destroys the channels of ended dials. Never on a gRPC thread.
  void release_channels();
  /// True if none is left before the deadline.
  bool wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
  std::vector<std::shared_ptr<grpc::Channel>> ended_;
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

class Questions;
class Relay;

/// Listens, admits pinned peers, and hands each accepted call's stream over. Its server also keeps
/// gRPC's callback threads running, which would otherwise start and end with every dial.
class Acceptor {
 public:
  struct Setup {
    std::string address;  // host:port, port 0: any free one; empty: none, for dials alone
    Identity identity;
    AcceptPolicy policy;
    std::shared_ptr<LiveReactors> live;
    /// On a gRPC thread: a stream for this authenticated peer, or null to turn the call away.
    std::function<StreamPtr(const NodeId& peer)> make_stream;
    std::shared_ptr<Questions> questions;  // null: nobody may ask
    std::shared_ptr<Relay> relay;          // of others; null: none
    std::string local_address;             // listened on beside `address`; empty: none
  };
  static Result<std::unique_ptr<Acceptor>> start(Setup setup);
  ~Acceptor();

  int port() const { return port_; }  // 0: does not listen
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

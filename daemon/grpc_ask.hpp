// Both ends of a question over gRPC: asking one, and the call that waits for its answer.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/identity.hpp"
#include "daemon/question.hpp"

namespace brigade::daemon {

class LiveReactors;
struct CallHandle;

/// Asks one node, over a connection of its own that lasts as long as this. Thread-safe.
class Asker {
 public:
  Asker(std::string address, const Identity& identity, const NodeId& expected);
  ~Asker();

  /// Blocks. kUnavailable with the reason: it can't be reached, or another node is there;
  /// kBadInput: it refused, in its words.
  Result<std::string> ask(Asks kind, const std::string& bytes, std::chrono::milliseconds timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// One question, over a connection of its own.
Result<std::string> ask(const std::string& address, const Identity& identity,
                        const NodeId& expected, Asks kind, const std::string& bytes,
                        std::chrono::milliseconds timeout);

/// Whether the node `expected` is at `address`: a connection is made and ended. Blocks.
bool can_be_reached(const std::string& address, const Identity& identity, const NodeId& expected,
                    std::chrono::milliseconds timeout);

/// Whether the method of a call is a question's.
bool is_question(const std::string& method);

/// The calls that wait for answers.
class Questions {
 public:
  /// `on_question` is told on one of gRPC's threads.
  Questions(std::function<void(Question)> on_question, std::shared_ptr<LiveReactors> live);
  ~Questions();

  /// A call of a question's method, by an authenticated node.
  grpc::ServerGenericBidiReactor* take(grpc::GenericCallbackServerContext& context,
                                       const NodeId& asker);
  /// Answers all that wait, and those that still come: a server's end waits for the last call.
  void close();

 private:
  class Call;
  std::function<void(Question)> on_question_;
  std::shared_ptr<LiveReactors> live_;
  std::mutex mutex_;
  bool is_closed_ = false;
  std::vector<std::weak_ptr<CallHandle>> open_;
};

}  // namespace brigade::daemon

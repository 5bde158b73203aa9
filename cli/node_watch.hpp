// Connections to the control sockets of nodes: one question or wish, or a stream of events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "brigade/control/v1/control.pb.h"

namespace brigade::cli {

/// The status of the node behind the Unix socket `socket`. kUnavailable if nobody answers in time.
Result<brigade::control::v1::NodeStatus> get_status(const std::string& socket,
                                                    std::chrono::milliseconds timeout);
/// Asks the node to drain for at most `deadline`, save and exit; waits up to `timeout` for it to
/// have begun.
Result<> ask_to_stop(const std::string& socket, std::chrono::milliseconds deadline,
                     std::chrono::milliseconds timeout);
/// Hands over signed revocations. kBadInput: the node takes none of them.
Result<brigade::control::v1::RevokeResponse> hand_over(const std::string& socket,
                                                       const std::vector<std::string>& revocations,
                                                       std::chrono::milliseconds timeout);

// What the owner of a member wishes of it (control.proto says what each does). kBadInput: why that
// can't be, in the node's words.
Result<> ask_to_drain(const std::string& socket);
Result<> ask_to_resume(const std::string& socket);
Result<> ask_to_leave(const std::string& socket, const brigade::control::v1::LeaveRequest& wish);

/// One status after the other, until `goes_on` says no or the node ends.
Result<> follow_status(const std::string& socket,
                       const std::function<bool(const brigade::control::v1::NodeStatus&)>& goes_on);

struct NodeEvent {
  std::uint32_t stage = 0;
  brigade::control::v1::WatchEvent event;
};

/// Watches several nodes at once; one reading thread a node. A socket that is not there yet, or a
/// stream that was cut, is tried again until close(). At most kMaxQueued events wait here: then the
/// readers pause, and the daemon cuts them when its own bound is reached.
class NodeWatch {
 public:
  static constexpr std::size_t kMaxQueued = 65'536;

  NodeWatch();
  ~NodeWatch();  // close()
  void add(std::uint32_t stage, const std::string& socket, std::chrono::milliseconds interval);
  /// All that has arrived, in order; waits up to `timeout` for the first.
  std::vector<NodeEvent> wait(std::chrono::milliseconds timeout);
  void close();

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace brigade::cli

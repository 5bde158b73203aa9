// The control service (proto/brigade/control/v1): status, events and wishes of the owner, over a
// Unix socket of mode 0600.
//
// Threading: gRPC's threads only post; everything is decided on the core strand, where publish()
// and close() are called. Bounds: limits::kMaxWatchers, kMaxWatchQueue events a watcher.
// The first watcher also gets what happened since the start, if that is not too much to keep.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include <brigade/control/v1/control.pb.h>
#include "base/result.hpp"
#include "base/time.hpp"

namespace brigade::daemon {

class ControlServer {
 public:
  using Answer = std::function<void(const Result<>&)>;  // once, on the core strand
  struct Handlers {                                     // called there too
    std::function<control::v1::NodeStatus()> status;
    /// Absent: the daemon's own deadline.
    std::function<void(std::optional<Duration>)> stop;
    // What the owner of a member may wish; an error says why that can't be.
    std::function<void(Answer)> drain{};
    std::function<void(Answer)> resume{};
    std::function<void(const control::v1::LeaveRequest&, Answer)> leave{};
    std::function<Result<control::v1::RevokeResponse>(const control::v1::RevokeRequest&)> revoke{};
  };
  ControlServer(boost::asio::io_context& core, Handlers handlers);
  ~ControlServer();

  /// kIo: the socket can't be made; kUnavailable: another daemon serves it.
  Result<> start(const std::filesystem::path& socket);
  /// To every watcher.
  void publish(const control::v1::WatchEvent& event);
  /// Lets watchers have what waits for them, ends their streams and refuses new ones.
  void close();
  /// Ends the server, cutting who has not taken its last events in a second. Blocks: not on the
  /// core strand, which must run meanwhile.
  void shut_down();

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace brigade::daemon

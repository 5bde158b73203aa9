// What one watcher of the control service has yet to be sent.
//
// A slow watcher may miss status updates (a newer one replaces a waiting one) but never an event:
// at the bound it is cut, so that it knows.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include <brigade/control/v1/control.pb.h>

namespace brigade::daemon {

class WatchQueue {
 public:
  explicit WatchQueue(std::size_t bound) : bound_(bound) {}

  /// False: the queue is full and the event is not in it; cut the watcher.
  [[nodiscard]] bool push(control::v1::WatchEvent event);
  std::optional<control::v1::WatchEvent> pop();
  bool is_empty() const { return events_.empty(); }

 private:
  const std::size_t bound_;
  std::deque<control::v1::WatchEvent> events_;
};

}  // namespace brigade::daemon

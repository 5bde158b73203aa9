#include "daemon/watch_queue.hpp"

#include <algorithm>
#include <utility>

namespace brigade::daemon {

bool WatchQueue::push(control::v1::WatchEvent event) {
  if (event.has_status()) {
    const auto waiting = std::find_if(events_.begin(), events_.end(),
                                      [](const auto& one) { return one.has_status(); });
    if (waiting != events_.end()) events_.erase(waiting);
  }
  if (events_.size() >= bound_) return false;
  events_.push_back(std::move(event));
  return true;
}

std::optional<control::v1::WatchEvent> WatchQueue::pop() {
  if (events_.empty()) return std::nullopt;
  auto event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace brigade::daemon

// A longer link than the network gives, for those who may not shape the network: a transport around
// another one that holds every message that arrives for half a round trip before it tells it. With
// the same setting at both ends, both directions take half of it each.
//
// What it imitates: distance. Order is kept, nothing is lost, and bandwidth is the network's own;
// bytes wait here after they have arrived, as if they had travelled so long. A link's coming and
// going waits in the same line: the last words of a peer that left are told before its leaving.
// Handshakes and pings are not held: links() adds the round trip that the pings did not see.
// Bounds: limits::kMaxReceiveBacklogBytes and kMaxReceiveBacklogFrames held, all links together;
// past them a message is dropped with a warning, and the core repeats it.
// Threading: core strand only, as every Transport.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "base/time.hpp"
#include "daemon/transport.hpp"

namespace brigade::daemon {

/// What is on its way, in the order in which it came; time is passed in.
class DelayQueue {
 public:
  using Tell = std::function<void()>;

  explicit DelayQueue(Duration delay) : delay_(delay) {}

  /// A message of so many bytes. False, and nothing is kept: a bound is reached.
  bool hold_message(TimePoint now, std::size_t bytes, Tell tell);
  /// News of a link: never refused.
  void hold_news(TimePoint now, Tell tell);
  /// The next one that is due, to be called.
  std::optional<Tell> take(TimePoint now);
  TimePoint next_wakeup() const { return held_.empty() ? kNever : held_.front().due; }
  void clear();

  std::size_t count() const { return held_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Held {
    TimePoint due;
    std::size_t bytes = 0;
    Tell tell;
  };

  Duration delay_;
  std::deque<Held> held_;  // the delay is one for all, so the first to come is the first to go
  std::size_t bytes_ = 0;
};

using MakeTransport = std::function<std::unique_ptr<Transport>(TransportCallbacks)>;

/// `make` builds the transport inside, which gets callbacks of the line's own.
std::unique_ptr<Transport> make_delay_line(Duration round_trip,
                                           boost::asio::any_io_executor executor,
                                           TransportCallbacks callbacks, const MakeTransport& make);

}  // namespace brigade::daemon

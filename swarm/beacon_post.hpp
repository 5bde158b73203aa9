// When a beacon is due: at an interval, and at once when it says something new that matters.
//
// Rules
// - Progress (`applied`) alone is not worth a message: it goes along with the next one.
// - While the stages after a node have not all reported, what it knows of them changes often and
//   decides nothing: only complete news is urgent, so that a line of P stages gathers with P
//   messages and not P².
#pragma once

#include <optional>

#include "base/time.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class BeaconPost {
 public:
  BeaconPost(const Options& options, TimePoint now);

  /// True once each interval.
  bool is_time(TimePoint now);
  TimePoint next() const { return next_; }
  /// Whether it differs from what was sent last in something urgent.
  bool is_news(const UpBeacon& beacon) const;
  bool is_news(const DownBeacon& beacon) const;
  void on_sent(const UpBeacon& beacon) { last_up_ = beacon; }
  void on_sent(const DownBeacon& beacon) { last_down_ = beacon; }
  void on_link_up();  // the new session of a link has heard nothing

 private:
  std::uint32_t complete_;  // stages from this one on
  Duration interval_;
  TimePoint next_;
  std::optional<UpBeacon> last_up_;
  std::optional<DownBeacon> last_down_;
};

}  // namespace brigade::swarm

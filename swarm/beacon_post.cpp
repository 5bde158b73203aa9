#include "swarm/beacon_post.hpp"

#include <tuple>

namespace brigade::swarm {
namespace {

auto own_news(const UpBeacon& beacon) {
  return std::tie(beacon.epoch, beacon.needs_epoch, beacon.wants_stop, beacon.is_ready,
                  beacon.is_drained);
}

auto line_news(const UpBeacon& beacon) {
  return std::tie(beacon.stages, beacon.max_epoch, beacon.newest, beacon.offers);
}

}  // namespace

BeaconPost::BeaconPost(const Options& options, TimePoint now)
    : complete_(options.stages - options.stage.value()),
      interval_(options.beacon_interval),
      next_(now + interval_) {}

bool BeaconPost::is_time(TimePoint now) {
  if (now < next_) return false;
  next_ = now + interval_;
  return true;
}

bool BeaconPost::is_news(const UpBeacon& beacon) const {
  if (!last_up_ || own_news(*last_up_) != own_news(beacon)) return true;
  if (beacon.stages != complete_) return false;
  return line_news(*last_up_) != line_news(beacon);
}

bool BeaconPost::is_news(const DownBeacon& beacon) const {
  const auto all = [](const DownBeacon& b) {
    return std::tie(b.epoch, b.from, b.final_position, b.committed, b.is_over, b.is_sealed);
  };
  return !last_down_ || all(*last_down_) != all(beacon);
}

void BeaconPost::on_link_up() {
  last_up_.reset();
  last_down_.reset();
}

}  // namespace brigade::swarm

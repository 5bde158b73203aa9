#include "swarm/peer_book.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

Duration share_of(Duration whole, double share) {
  return Duration{static_cast<Duration::rep>(static_cast<double>(whole.count()) * share)};
}

}  // namespace

PeerBook::PeerBook(const Options& options) : options_(options) {}

bool PeerBook::on_up(TimePoint now, const Holder& holder, StageIndex stage) {
  const Peer* known = find(holder.node);
  if (known == nullptr && peers_.size() >= limits::kMaxLinks && !make_room(now)) return false;
  if (known != nullptr && known->holder != holder) lose(now, known->holder.instance);
  Peer& peer = peers_[holder.node];
  if (peer.holder != holder) {
    peer = Peer{};
    peer.holder = holder;
    peer.every = beacon_interval_of(options_, Duration::max());  // until it says so
    peer.came_at = now;
  }
  peer.stage = stage;
  peer.is_linked = true;
  peer.heard_at = peer.leased_at = now;
  watched_.erase(holder.instance);
  set_live(peer, true);
  return true;
}

/// Of those that may be forgotten anyway.
bool PeerBook::make_room(TimePoint now) {
  for (auto peer = peers_.begin(); peer != peers_.end(); ++peer) {
    const bool is_old = now - peer->second.heard_at > options_.forget_after;
    if (peer->second.is_linked || !is_old) continue;
    peers_.erase(peer);
    return true;
  }
  return false;
}

/// Since when a holder that was never met is waited for.
TimePoint PeerBook::watched_since(TimePoint now, const Holder& holder) {
  if (watched_.size() >= limits::kMaxGoneKnown) watched_.erase(watched_.begin());
  return watched_.try_emplace(holder.instance, now).first->second;
}

void PeerBook::on_down(const NodeId& node) {
  const auto found = peers_.find(node);
  if (found == peers_.end()) return;
  found->second.is_linked = false;
  set_live(found->second, false);
}

void PeerBook::on_heard(TimePoint now, const NodeId& from) {
  const auto found = peers_.find(from);
  if (found == peers_.end()) return;
  found->second.heard_at = now;
  set_live(found->second, found->second.is_linked && !is_gone(found->second.holder));
}

bool PeerBook::hears(std::uint64_t instance) const {
  return std::ranges::any_of(peers_, [instance](const auto& entry) {
    return entry.second.is_live && entry.second.holder.instance == instance;
  });
}

void PeerBook::on_beacon(TimePoint now, const NodeId& from, const NodeBeacon& beacon) {
  // What is heard here is not gone, whatever others say; should it be, they will say it again.
  for (const std::uint64_t instance : beacon.gone)
    if (!gone_.contains(instance) && !hears(instance)) note_gone(now, instance);
  const auto found = peers_.find(from);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  const bool is_restored = beacon.is_ready && !beacon.is_leaving && !is_gone(peer.holder);
  const bool is_ready = is_restored && !beacon.is_draining;
  has_changed_ = has_changed_ || is_ready != peer.is_ready || is_restored != peer.is_restored ||
                 beacon.offer.path.empty() != peer.offer.path.empty();
  peer.is_ready = is_ready;
  peer.is_restored = is_restored;
  peer.offer = beacon.offer;
  peer.offer_at = now;
  if (beacon.every > Duration::zero()) peer.every = beacon_interval_of(options_, beacon.every);
  peer.stamp = beacon.stamp;
  peer.stamp_at = now;
  const TimePoint echo = TimePoint{beacon.echo};
  const bool is_news = beacon.echo > Duration::zero() && echo <= now && echo > peer.leased_at;
  if (is_news && !is_gone(peer.holder)) {  // who has left may still talk, but holds nothing
    peer.leased_at = echo;
    peer.round_trip = std::max(now - echo - beacon.held, Duration::zero());
  }
  if (beacon.is_leaving) lose(now, peer.holder.instance);
}

void PeerBook::on_offer(TimePoint now, const NodeId& from, const Offer& offer) {
  const auto found = peers_.find(from);
  if (found == peers_.end()) return;
  has_changed_ = has_changed_ || offer.path.empty() != found->second.offer.path.empty();
  found->second.offer = offer;
  found->second.offer_at = now;
}

void PeerBook::lose(TimePoint now, std::uint64_t instance) {
  if (!gone_.contains(instance)) has_changed_ = has_loss_ = true;
  note_gone(now, instance);
}

void PeerBook::note_gone(TimePoint now, std::uint64_t instance) {
  if (instance == options_.instance || gone_.contains(instance)) return;
  if (gone_order_.size() >= limits::kMaxGoneKnown) {
    gone_.erase(gone_order_.front());
    gone_order_.pop_front();
  }
  TimePoint leased_at = now;
  bool is_awaited = watched_.erase(instance) > 0;
  for (auto& [node, peer] : peers_) {
    if (peer.holder.instance != instance) continue;
    leased_at = peer.leased_at;
    is_awaited = has_loss_ = true;
    peer.is_ready = peer.is_restored = false;
    set_live(peer, false);
  }
  gone_.emplace(instance, leased_at);
  gone_order_.push_back(instance);
  has_changed_ = has_changed_ || is_awaited;
}

void PeerBook::on_time(TimePoint now, TimePoint expected_at) {
  // Who was away is not to say that the others were silent. (Leases run on: they can't know.)
  const Duration away = now - expected_at;
  if (away > kSilentBeacons * options_.beacon_interval) {
    for (auto& [node, peer] : peers_) peer.heard_at += away;
    for (auto& [instance, since] : watched_) since += away;
  }
  for (auto& [node, peer] : peers_) {
    if (peer.is_live && now - peer.heard_at > kSilentBeacons * peer.every) set_live(peer, false);
  }
}

void PeerBook::set_live(Peer& peer, bool is_live) {
  has_changed_ = has_changed_ || peer.is_live != is_live;
  peer.is_live = is_live;
}

bool PeerBook::is_live(const Holder& holder) const {
  const Peer* peer = find(holder.node);
  return peer != nullptr && peer->holder == holder && peer->is_live;
}

const PeerBook::Peer* PeerBook::find(const NodeId& node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? nullptr : &found->second;
}

std::vector<const PeerBook::Peer*> PeerBook::ready_at(StageIndex stage) const {
  std::vector<const Peer*> ready;
  for (const auto& [node, peer] : peers_) {
    if (peer.stage == stage && peer.is_live && peer.is_ready) ready.push_back(&peer);
  }
  return ready;
}

std::uint32_t PeerBook::linked_at(StageIndex stage) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(peers_, [stage](const auto& entry) {
    return entry.second.is_linked && entry.second.stage == stage;
  }));
}

bool PeerBook::is_forgotten(TimePoint now, const Holder& holder) {
  const Peer* peer = find(holder.node);
  if (peer != nullptr && peer->holder == holder) {
    return !peer->is_live && now - peer->heard_at >= options_.forget_after;
  }
  return now - watched_since(now, holder) >= options_.forget_after;
}

bool PeerBook::is_lease_over(TimePoint now, const Holder& holder) {
  const Duration lasts = share_of(options_.forget_after, kLeaseShare);
  const Peer* peer = find(holder.node);
  if (peer != nullptr && peer->holder == holder) return now - peer->leased_at >= lasts;
  const auto gone = gone_.find(holder.instance);
  if (gone != gone_.end()) return now - gone->second >= lasts;
  return now - watched_since(now, holder) >= lasts;
}

void PeerBook::fill(TimePoint now, const NodeId& to, NodeBeacon& beacon) const {
  beacon.stamp = now.time_since_epoch();
  if (const Peer* peer = find(to)) {
    beacon.echo = peer->stamp;
    beacon.held = now - peer->stamp_at;
  }
  const std::size_t told = std::min<std::size_t>(gone_order_.size(), limits::kMaxGoneTold);
  beacon.gone.assign(gone_order_.end() - static_cast<std::ptrdiff_t>(told), gone_order_.end());
}

bool PeerBook::take_change() {
  return std::exchange(has_changed_, false);
}

bool PeerBook::take_loss() {
  return std::exchange(has_loss_, false);
}

}  // namespace brigade::swarm

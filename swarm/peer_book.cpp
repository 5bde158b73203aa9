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
    set_live(peer, false);
    peer = Peer{};
    peer.holder = holder;
    peer.every = beacon_interval_of(options_, Duration::max());  // until it says so
    peer.came_at = now;
  }
  peer.stage = stage;
  list_keys();
  peer.is_linked = true;
  peer.heard_at = peer.leased_at = now;
  watched_.erase(holder.instance);
  set_live(peer, !is_gone(holder));
  return true;
}

/// Of those that may be forgotten anyway.
bool PeerBook::make_room(TimePoint now) {
  for (auto peer = peers_.begin(); peer != peers_.end(); ++peer) {
    const bool is_old = now - peer->second.heard_at > options_.forget_after;
    if (peer->second.is_linked || !is_old) continue;
    peers_.erase(peer);
    list_keys();
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
  Peer* peer = known(node);
  if (peer == nullptr) return;
  peer->is_linked = false;
  set_live(*peer, false);
}

void PeerBook::on_heard(TimePoint now, const NodeId& from) {
  Peer* peer = known(from);
  if (peer == nullptr) return;
  peer->heard_at = now;
  if (!peer->is_live) set_live(*peer, peer->is_linked && !is_gone(peer->holder));
}

void PeerBook::on_beacon(TimePoint now, const NodeId& from, const NodeBeacon& beacon) {
  // What is heard here is not gone, whatever others say; should it be, they will say it again.
  for (const std::uint64_t instance : beacon.gone)
    if (!gone_.contains(instance) && !hears(instance)) note_gone(now, instance);
  Peer* sender = known(from);
  if (sender == nullptr) return;
  Peer& peer = *sender;
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
  Peer* peer = known(from);
  if (peer == nullptr) return;
  has_changed_ = has_changed_ || offer.path.empty() != peer->offer.path.empty();
  peer->offer = offer;
  peer->offer_at = now;
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
  if (peer.is_live == is_live) return;
  has_changed_ = true;
  peer.is_live = is_live;
  if (is_live) {
    live_.insert(peer.holder.instance);
  } else {
    live_.erase(live_.find(peer.holder.instance));
  }
}

bool PeerBook::is_live(const Holder& holder) const {
  const Peer* peer = find(holder.node);
  return peer != nullptr && peer->holder == holder && peer->is_live;
}

std::size_t PeerBook::index_of(const NodeId& node) const {
  if (last_ < peers_.size() && peers_.nth(last_)->first == node) return last_;
  const auto from = std::ranges::lower_bound(keys_, node.first(), {}, &Key::first);
  for (auto at = static_cast<std::size_t>(from - keys_.begin());
       at < keys_.size() && keys_[at].first == node.first(); ++at)
    if (peers_.nth(at)->first == node) return last_ = at;
  return peers_.size();
}

void PeerBook::list_keys() {
  keys_.clear();
  for (const auto& [node, peer] : peers_) keys_.push_back({node.first(), peer.stage});
}

PeerBook::Peer* PeerBook::known(const NodeId& node) {
  const std::size_t index = index_of(node);
  return index == peers_.size() ? nullptr : &peers_.nth(index)->second;
}

const PeerBook::Peer* PeerBook::find(const NodeId& node) const {
  const std::size_t index = index_of(node);
  return index == peers_.size() ? nullptr : &peers_.nth(index)->second;
}

std::vector<const PeerBook::Peer*> PeerBook::ready_at(StageIndex stage) const {
  std::vector<const Peer*> ready;
  each_at(stage, [&](const Peer& peer) {
    if (peer.is_live && peer.is_ready) ready.push_back(&peer);
  });
  return ready;
}

std::uint32_t PeerBook::linked_at(StageIndex stage) const {
  std::uint32_t linked = 0;
  each_at(stage, [&](const Peer& peer) { linked += peer.is_linked ? 1 : 0; });
  return linked;
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

void PeerBook::fill(TimePoint now, const Peer& to, NodeBeacon& beacon) const {
  beacon.stamp = now.time_since_epoch();
  beacon.echo = to.stamp;
  beacon.held = now - to.stamp_at;
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

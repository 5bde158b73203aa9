// What a node knows of its neighbours' instances: who can be reached, who is lost for certain, and
// until when it was surely heard itself.
//
// Rules
// - A peer is live while its link is up and it was heard within kSilentBeacons of its own beacon
//   intervals. What is not live has an uncertain fate: dead, stopped or cut off.
// - Gone for certain: a link brought another instance of the node, the node said goodbye, somebody
//   passed it on, or the node itself said "that is not me". This never changes.
// - Forgotten: an instance that this node has not heard for Options::forget_after.
// - Lease: beacons echo the stamps of the receiver's own clock, so a node knows when a peer has
//   surely heard it, also where only one direction of a link works. kLeaseShare of `forget_after`
//   after that the lease is over: before the peer can forget, whichever way its clock is read.
// Bounds: limits::kMaxLinks peers, kMaxGoneKnown lost instances.
#pragma once

#include <boost/container/flat_map.hpp>
#include <boost/container/flat_set.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class PeerBook {
 public:
  static constexpr int kSilentBeacons = 4;
  static constexpr double kLeaseShare = 0.9;

  struct Peer {
    Holder holder;
    StageIndex stage;
    TimePoint came_at;  // when this instance was met first
    bool is_linked = false;
    bool is_live = false;
    bool is_ready = false;     // it has restored and takes new work
    bool is_restored = false;  // … or at least finishes what it has
    Offer offer;
    TimePoint heard_at;
    TimePoint leased_at;  // of this node's clock: the peer has heard it then
    TimePoint stamp_at;   // when the newest stamp came
    Duration stamp{};     // of the peer's clock
    Duration round_trip{};
    Duration every{};  // beacons
    TimePoint offer_at;
  };
  using Peers = boost::container::flat_map<NodeId, Peer>;  // in the order of their ids

  explicit PeerBook(const Options& options);

  /// False: too many peers; the link is not used.
  bool on_up(TimePoint now, const Holder& peer, StageIndex stage);
  void on_down(const NodeId& peer);
  void on_heard(TimePoint now, const NodeId& from);  // anything
  void on_beacon(TimePoint now, const NodeId& from, const NodeBeacon& beacon);
  void on_offer(TimePoint now, const NodeId& from, const Offer& offer);
  /// Gone for certain, as this node knows first-hand.
  void lose(TimePoint now, std::uint64_t instance);
  /// Who has been silent for too long is not live any more. `expected_at`: when this was due, by
  /// which is known whether this node was away itself.
  void on_time(TimePoint now, TimePoint expected_at);

  bool is_live(const Holder& holder) const;
  bool hears(std::uint64_t instance) const {  // a live peer is this one
    return live_.contains(instance);
  }
  bool is_gone(const Holder& holder) const { return gone_.contains(holder.instance); }
  /// Not heard for so long that it may be treated as gone, see the lease.
  bool is_forgotten(TimePoint now, const Holder& holder);
  bool is_lease_over(TimePoint now, const Holder& holder);
  /// By node, whatever its instance; null: never met.
  const Peer* find(const NodeId& node) const;
  const Peers& peers() const { return peers_; }
  /// Calls it with each peer of a stage, in the order of their ids.
  template <class Callback>
  void each_at(StageIndex stage, Callback call) const {
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i].stage == stage) call(peers_.nth(i)->second);
  }
  /// Live and ready ones of a stage, in the order of their ids.
  std::vector<const Peer*> ready_at(StageIndex stage) const;
  std::uint32_t linked_at(StageIndex stage) const;

  /// A beacon's parts that are about the receiver and about what is gone.
  void fill(TimePoint now, const Peer& to, NodeBeacon& beacon) const;
  /// Something changed since the last call: who is live or ready, or that one who was met is gone.
  bool take_change();
  /// Since the last call a peer was lost, or somebody of whom this node knows first-hand.
  bool take_loss();

 private:
  bool make_room(TimePoint now);
  void note_gone(TimePoint now, std::uint64_t instance);
  TimePoint watched_since(TimePoint now, const Holder& holder);
  void set_live(Peer& peer, bool is_live);

  Options options_;
  std::size_t index_of(const NodeId& node) const;  // peers_.size(): never met
  Peer* known(const NodeId& node);
  void list_keys();

  Peers peers_;
  struct Key {
    std::uint64_t first = 0;  // of its id
    StageIndex stage;
  };
  std::vector<Key> keys_;         // of each peer: all that a search reads
  mutable std::size_t last_ = 0;  // where a node was looked up last: the next question is about it
  boost::container::flat_multiset<std::uint64_t> live_;  // instances
  std::map<std::uint64_t, TimePoint> gone_;  // by instance: when it last heard this node for sure
  // Holders that were never met, by instance: from when on they are waited for.
  std::map<std::uint64_t, TimePoint> watched_;
  std::deque<std::uint64_t> gone_order_;  // the newest last
  bool has_changed_ = true;
  bool has_loss_ = false;
};

}  // namespace brigade::swarm

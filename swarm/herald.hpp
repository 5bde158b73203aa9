// When and what a node in a swarm with replicas tells its neighbours of itself.
//
// Rules
// - At an interval that goes by the pace of its machine (beacon_interval_of; while that is not
//   known, each is twice as long as the last), and at once when it says something new that matters:
//   that it is ready, drains or leaves, that there is a way for micro-batches or none any more, or
//   that somebody is lost for certain, first-hand. Not more often than kMostUrgent times between
//   two beacons, whatever others make it say.
// - The path that it offers goes to the stage before, which alone can use it.
// - Floors go down the line, to the stage after: those of heads whose micro-batches the receiver
//   got from here, and kFloorsInTurn others in turn, so that all are heard in the end. Each says
//   how long ago its head said so, whichever way it came: what is passed on grows no younger.
// Cost: a beacon to each linked peer an interval; one pass over the ledger.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/peer_book.hpp"
#include "swarm/relay.hpp"
#include "swarm/shared.hpp"

namespace brigade::swarm {

class Herald {
 public:
  static constexpr std::size_t kFloorsInTurn = 4;
  static constexpr int kFloorLasts = 2;             // times `forget_after`, since its head said so
  static constexpr std::uint32_t kMostUrgent = 32;  // rounds of news between two beacons

  struct Self {
    bool is_ready = false;
    bool is_draining = false;
    bool is_leaving = false;
    Duration pace{};  // zero: not known yet
  };

  Herald(Shared& shared, PeerBook& peers, Relay& relay, TimePoint now)
      : shared_(shared), peers_(peers), relay_(relay), next_(now) {}

  bool is_time(TimePoint now) const { return now >= next_; }
  TimePoint next() const { return next_; }
  /// Something to be told at once.
  void on_news() { has_news_ = true; }
  /// `may_have_moved`: since the last call something happened that the offer goes by.
  void tell_if_due(TimePoint now, const Self& self, bool may_have_moved);
  /// To one alone, whose link has just come up.
  void tell(TimePoint now, const NodeId& to, const Self& self);

 private:
  NodeBeacon about(const Self& self, Offer offer) const;
  void send(TimePoint now, const PeerBook::Peer& to, NodeBeacon beacon);
  void note_given();
  void add_floors(TimePoint now, const Holder& to, std::vector<NodeBeacon::Floor>& floors) const;
  void add_floor(TimePoint now, HeadIndex head, std::vector<NodeBeacon::Floor>& floors) const;

  Shared& shared_;
  PeerBook& peers_;
  Relay& relay_;
  TimePoint next_;
  Duration every_{};  // until then, from the last one on time; zero: none yet
  bool has_news_ = true;
  std::uint32_t urgent_ = 0;
  bool had_path_ = false;                                   // when last looked
  std::vector<std::pair<std::uint64_t, HeadIndex>> given_;  // by instance: whose it has, sorted
  std::vector<HeadIndex> in_turn_;
  HeadIndex turn_;
};

}  // namespace brigade::swarm

// The inside of Membership: takes in news, and has the parts do what a round asks for.
#pragma once

#include <cstdint>
#include <vector>

#include "swarm/membership/detector.hpp"
#include "swarm/membership/event.hpp"
#include "swarm/membership/membership.hpp"
#include "swarm/membership/overlay.hpp"
#include "swarm/membership/reconcile.hpp"
#include "swarm/membership/shared.hpp"
#include "swarm/membership/summaries.hpp"
#include "swarm/membership/suspects.hpp"

namespace brigade::swarm::membership {

class Membership::Impl {
 public:
  Impl(const Options& options, TimePoint now);

  void on(TimePoint now, const Tick&);
  void on(TimePoint now, const LinkUp& event);
  void on(TimePoint now, const LinkDown& event);
  void on(TimePoint now, const DialFailed& event);
  void on(TimePoint now, const Received& event);
  void on(TimePoint now, const Learned& event);
  void on(TimePoint now, const DoingChanged& event);
  void on(TimePoint now, const ReachChanged& event);
  void on(TimePoint now, const PaceChanged& event);
  void on(TimePoint now, const PinChanged& event);
  void on(TimePoint now, const Expelled& event);

  /// Before each event: what if this node itself stood still?
  void begin(TimePoint now);

  std::optional<Action> poll_action() { return shared_.actions.poll(); }
  TimePoint next_wakeup() const { return next_round_; }
  const View& view() const { return shared_.view; }
  Summary summary(TimePoint now, StageIndex stage) const { return summaries_.of(now, stage); }
  Status status(TimePoint now) const;

 private:
  /// Observers of one subject that others hear of; and those of its own group, beyond: all who
  /// follow it know them.
  static constexpr std::size_t kTold = 2;
  /// So long a node has heard nothing that others lack.
  static constexpr Duration kNewcomer = std::chrono::seconds{20};

  // News (news.cpp).
  void on(TimePoint now, Link& link, const Hello& message);
  void on(TimePoint now, Link& link, const Gossip& message);
  void on(TimePoint now, Link& link, const Probe& message);
  void on(TimePoint now, Link& link, const ProbeAck& message);
  void on(TimePoint now, Link& link, const ProbeFor& message);
  void on(TimePoint now, Link& link, const ProbeResult& message);
  void on(TimePoint now, Link& link, const SyncDigest& message);
  void on(TimePoint now, Link& link, const SyncEntries& message);
  void on(TimePoint now, Link& link, const SyncRecords& message);
  bool is_sound(const NodeId& from, const Interest& interest);
  void take_in(TimePoint now, const NodeId& from, const RecordPtr& record);
  void take_in(TimePoint now, const NodeId& from, const SuspicionPtr& suspicion);
  void take_in(TimePoint now, const NodeId& from, const std::vector<Summary>& summaries);
  void take_in_new(TimePoint now, const NodeId& from, const RecordPtr& record);
  void take_in_newer(TimePoint now, const RecordPtr& record, Slot slot);
  void take_in_own(TimePoint now, const NodeRecord& record);

  // Members.
  void set_standing(TimePoint now, Slot slot, Standing standing, const char* reason);
  void revive(TimePoint now, Slot slot, const char* reason);
  void accuse(TimePoint now, Slot slot, const char* reason);
  void bury(TimePoint now, Slot slot);
  void judge(TimePoint now);
  void forget(Slot slot, const char* reason);

  // This node.
  void renew(TimePoint now, Incarnation above, const char* reason);
  void say_if_new(TimePoint now, NodeRecord changed, const char* reason);
  void say(TimePoint now, NodeRecord changed, const char* reason);
  void choose_interest(TimePoint now);
  void choose_via(TimePoint now);

  // Telling.
  std::size_t told_a_round() const;
  std::uint32_t rounds_to_tell_all() const;
  void spread(const RecordPtr& record, StageIndex former);
  void spread(const SuspicionPtr& suspicion, StageIndex observer, Slot subject);
  void tell_at_once();              // all that waits: news of this node, or found by it, is in it
  void greet_again(TimePoint now);  // whoever did not greet: perhaps it did not hear
  void gossip(TimePoint now);
  void sync(TimePoint now);
  void sync_soon(TimePoint now);  // one is back who was held for dead: perhaps others are, too

  Shared shared_;
  Detector detector_;
  Suspects suspects_;
  Reconciler reconciler_;
  Summaries summaries_;
  Overlay overlay_;

  Slot self_slot_ = View::kNone;
  TimePoint started_at_;
  TimePoint next_round_;
  TimePoint last_event_;
  TimePoint next_sync_;
  TimePoint next_via_;  // when the record may name other peers again
  TimePoint link_lost_at_ = TimePoint::min();
  bool has_strained_ = false;  // for the links lost together with that one
  bool is_gone_ = false;
  bool is_urgent_ = false;  // news came in that somebody lives who is suspected
  bool is_next_sync_random_ = false;
  std::uint32_t round_ = 0;
  std::size_t next_link_ = 0;  // whose turn it is to be told
  std::uint64_t speaker_ = 0;  // the bit of the link whose message is taken in; else 0
  std::uint64_t refused_ = 0;
  std::uint64_t renewals_ = 0;
  std::uint32_t jumps_ = 0;  // above records of this node's key that it did not write

  // Of one round; kept for their memory.
  std::vector<Detector::Finding> findings_;
  std::vector<Slot> dead_;
  std::vector<RecordPtr> contacts_;
  std::vector<Slot> unsure_;
};

}  // namespace brigade::swarm::membership

// Who is in the swarm, what each one does and whether it lives: the membership of one node as a
// state machine without I/O.
//
//     membership.handle(now, event);
//     while (auto action = membership.poll_action()) carry_out(*action);
//     sleep_until(membership.next_wakeup());       // then handle(now, Tick{})
//
// What a driver owes it
// - One core a swarm, on one thread. After each event all actions are carried out, in their order,
//   and a timer is set to next_wakeup().
// - A node that knows nobody is a swarm of one, and dials nobody. Addresses without a record (the
//   static list, the contacts of an invite) the driver dials itself, with pauses, while status()
//   says that there is no link; it reports whoever answers as LinkUp. Records kept from an earlier
//   run, or found by discovery, are Learned: the core dials them when it has too few links.
// - Dial is answered once, by LinkUp or DialFailed. If somebody else answers at the address, it is
//   DialFailed for the one, and LinkUp for the other. There is one link a peer: where two cross,
//   the driver keeps one.
// - LinkDown::was_closed: the peer's Drop came over the link as a goodbye. A stream that merely
//   ended, however tidily, is not closed: its process may be dead.
// - What leaves about the node itself has no proof: a record of its id, a suspicion that it
//   observed. The driver signs it as it sends it (with the swarm's id in what is signed), once an
//   incarnation. Everything else travels with the proof that it came with.
// - Before Received: each record in the message (of a greeting, rumour, summary or comparison) is
//   signed by its own node, each suspicion by its observer, and the signer was let into the swarm.
//   Else the message is dropped as a whole, and its sender scored.
// - To leave: DoingChanged to kGone, its messages sent, half a second, then the links are closed.
// - After RunsTwice this process should stop: another one has its key.
// - A record that the node's settings make (addresses) passes fault_of() before Options hold it.
//
// What holds (checked by sim/membership over random faults):
// - A member that lives and is reached by the others does not stay dead for them: suspicion comes
//   before death, and its subject answers it with a higher incarnation.
// - A dead member is gone within half a minute for nearly all; one that says goodbye, as fast as
//   news travels. (Of 200 with half behind NAT: half know within 10 s, 99 % within 25 s. A member
//   that can't be dialled and died together with all who had links with it may stay for minutes.)
// - Two halves of a split find each other again with nobody's help, and are one soon after.
// - No single peer can have another one held for dead that others can look for themselves:
//   suspects.hpp. One that can't be dialled, and that answers too late, it can; two that collude
//   can, now and then. Either comes back with its next word.
// - Full records are kept of the node's own group and its neighbours', of all in a small swarm
//   (Options::small_swarm); of other groups there are figures: summaries.hpp.
// - Nothing grows beyond base/limits.hpp. What a peer says that can't be true is Misbehaved.
//
// One question a file: view (who is known), rumours (what is told on), detector (who does not
// answer), suspects (who is held for dead, and when), reconcile (what rumours missed), summaries
// (stages in figures), overlay and dials (with whom to hold links).
//
// Time: one Tick a round of gossip does all that waits; news of the node itself, and what it finds
// of others, goes out at once.
// Threading: none. Cost: a round is O(links + rumours + suspected), a message O(what it holds).
#pragma once

#include <memory>
#include <optional>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/action.hpp"
#include "swarm/membership/event.hpp"
#include "swarm/membership/options.hpp"
#include "swarm/membership/view.hpp"

namespace brigade::swarm::membership {

/// A look inside, for status, metrics and checkers.
struct Status {
  RecordPtr self;
  Interest interest;
  std::uint32_t present = 0;  // known members, this node included
  std::uint32_t suspected = 0;
  std::uint32_t remembered = 0;  // vanished
  std::uint32_t links = 0;
  std::uint32_t dials = 0;
  std::uint32_t rumours = 0;   // waiting to be told
  std::uint64_t members = 0;   // of the whole swarm, by what is told of other stages
  std::uint64_t refused = 0;   // members, at the bound
  std::uint64_t renewals = 0;  // of the own incarnation
  std::uint32_t strain = 0;
};

class Membership {
 public:
  Membership(const Options& options, TimePoint now);
  ~Membership();
  Membership(Membership&&) noexcept;
  Membership& operator=(Membership&&) noexcept;

  void handle(TimePoint now, const Event& event);
  std::optional<Action> poll_action();
  TimePoint next_wakeup() const;

  const View& view() const;
  Summary summary(TimePoint now, StageIndex stage) const;
  Status status(TimePoint now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brigade::swarm::membership

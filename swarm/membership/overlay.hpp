// With whom this node holds links, so that news gets everywhere by many ways.
//
// Rules
// - Links that training needs are dialled while they are down, and never dropped from here.
// - Besides them a few (Options::wanted_links) lead to random members: each time to the group, of
//   those this node keeps records of, to which the fewest lead. Links that others dialled count.
// - One link leads to a group that it does not follow: a stage without members would otherwise cut
//   the swarm in two, and figures of far stages would travel from stage to stage.
// - Only who can be dialled is dialled. A node that can't be holds links that it dialled itself,
//   and says in its record through whom it is reached.
// - Now and then one link is exchanged for another, so that the overlay stays random whatever
//   happens, and members that died with all their neighbours are found: more often for a while
//   after several links broke together.
// - Who vanished is dialled again, at random, with pauses that grow with failure and with the
//   number of members that share the work: the swarm as a whole tries one every few seconds,
//   whatever its size, so that two halves of a split meet again soon after it heals.
// - A node of whose peers none follows a group that it follows dials a contact of that stage, or of
//   one beside it, that summaries name.
// - Where few can be dialled, those hold links with all others, whatever their number.
//
// Bounds: limits::kMaxDials, kMostContacts, kDialsARound. Cost: a walk over the links a round.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/shared.hpp"
#include "swarm/membership/summaries.hpp"

namespace brigade::swarm::membership {

class Overlay {
 public:
  static constexpr std::size_t kMostContacts = 32;
  static constexpr std::uint32_t kDialsARound = 2;

  Overlay(Shared& shared, Summaries& summaries, TimePoint now);

  /// Whether a link that came up is kept; false: it is being dropped.
  bool admit(const Link& link);
  void on_dial_failed() { failures_ = failures_ < kMostFailures ? failures_ + 1 : failures_; }
  /// Somebody vanished: try again soon.
  void on_vanished(TimePoint now);
  /// Many may have died at once: find those whom nobody is linked with.
  void look_around(TimePoint now);
  void learn(const RecordPtr& record);  // from outside
  /// This node follows other groups now.
  void find_anew(TimePoint now) {
    find_at_ = now;
    find_pause_ = kFirstFindPause;
  }
  void on_time(TimePoint now);

 private:
  static constexpr std::uint32_t kMostFailures = 16;
  static constexpr Duration kFirstFindPause = std::chrono::seconds{2};
  static constexpr Duration kLongestFindPause = std::chrono::seconds{30};

  std::uint32_t free_links() const;
  std::uint32_t most_links() const;
  void dial_pins(TimePoint now);
  void dial_members(TimePoint now);
  void dial_far(TimePoint now);
  void dial_vanished(TimePoint now);
  void refresh(TimePoint now);
  void drop_surplus(TimePoint now);
  std::optional<StageIndex> uncovered();
  void search(TimePoint now);
  bool dial_contact(TimePoint now);
  RecordPtr candidate(TimePoint now);
  Duration pause();

  Shared& shared_;
  Summaries& summaries_;
  std::vector<RecordPtr> contacts_;
  TimePoint refresh_at_;
  std::uint32_t brisk_ = 0;         // refreshes that follow soon on each other
  TimePoint vanished_at_ = kNever;  // when one that vanished is dialled again
  TimePoint find_at_;
  Duration find_pause_ = kFirstFindPause;
  std::uint32_t failures_ = 0;  // of dials to those that vanished, in a row
};

}  // namespace brigade::swarm::membership

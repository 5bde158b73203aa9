// What is known of each stage in figures: counted where this node knows the members, hearsay with
// an age elsewhere. Figures are unsigned: they say where to look, and whoever acts on them (moves
// to a stage) asks its members first.
//
// Rules
// - The youngest count is kept; one older than kOldest is dropped.
// - Now and then a contact goes along. Members of one group that got to know each other over
//   different ways, and not all of each other, meet by it: whoever follows the stage and does not
//   know the contact takes it in and dials it.
// - Whoever keeps records of a stage counts it anew each time: hearsay never replaces counts.
// Bounds: one a stage. Cost: O(stages) an export.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "swarm/membership/shared.hpp"

namespace brigade::swarm::membership {

class Summaries {
 public:
  static constexpr Duration kOldest = std::chrono::minutes{10};
  static constexpr std::uint32_t kMostMembers = 10'000'000;  // of a stage: more is not believed

  explicit Summaries(Shared& shared) : shared_(shared), heard_(shared.options.stages) {}

  /// Contacts of stages that are followed here are added to `contacts`: they may be news.
  void merge(TimePoint now, const NodeId& from, const std::vector<Summary>& summaries,
             std::vector<RecordPtr>& contacts);
  /// At most limits::kMaxSummaries; with more stages, another part each time.
  std::vector<Summary> list(TimePoint now);
  Summary of(TimePoint now, StageIndex stage) const;
  /// A young contact of a random stage that is not followed here; null: none was drawn.
  RecordPtr far_contact(TimePoint now);
  /// One who follows this group, perhaps, and to whom there is no link; null: none is known.
  RecordPtr contact_for(TimePoint now, StageIndex group);
  /// All members of the swarm, as far as this node knows or is told: it may know a stage in part
  /// because its peers do not follow it.
  std::uint64_t total(TimePoint now) const;

 private:
  static constexpr Duration kOldestContact = std::chrono::minutes{1};
  static constexpr std::uint32_t kContacts = 8;  // in one message

  struct Heard {
    Summary summary;
    TimePoint counted = TimePoint::min();
    TimePoint contact_counted = TimePoint::min();
  };
  bool is_sound(const Summary& summary) const;
  RecordPtr contact_of(TimePoint now, StageIndex stage);
  bool is_fresh(TimePoint now, const Heard& heard) const {
    return heard.counted != TimePoint::min() && now - heard.counted <= kOldest;
  }

  Shared& shared_;
  std::vector<Heard> heard_;
  std::uint32_t next_ = 0;
  std::uint32_t next_contact_ = 0;
};

}  // namespace brigade::swarm::membership

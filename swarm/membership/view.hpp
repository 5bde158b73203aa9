// The members that a node knows, by id and by group, with the sums by which two nodes compare what
// they know.
//
// Present members (alive or suspected) are in their group's buckets and in its sums. Those that
// vanished (dead or gone) are kept beside them: their addresses are where the other half of a split
// is found again, and their incarnation keeps old news from bringing them back.
//
// Bounds: limits::kMaxMembers in all, limits::kMaxRemembered that vanished. At the second, a random
// one goes: a split's other half is not washed out by those who left since.
// Threading: none. Cost: O(1) a look-up or change. Memory: about 80 bytes a member.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "swarm/membership/action.hpp"
#include "swarm/membership/message.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership {

class View {
 public:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = ~Slot{0};

  struct Member {
    RecordPtr record;  // null: the slot is free
    std::uint64_t prefix = 0;
    TimePoint changed;       // when its standing did
    Slot place = kNone;      // in its bucket, or among those that vanished
    Slot suspicion = kNone;  // Suspects' own: where it keeps what is said
    StageIndex group;
    Standing standing = Standing::kAlive;
    /// Held for dead while this node was cut off from everybody: what others say now is believed.
    bool is_doubtful = false;

    bool is_present() const { return standing <= Standing::kSuspected; }
  };
  struct Counts {
    std::uint32_t members = 0;  // present ones
    std::uint32_t serving = 0;
    std::uint64_t microbatches_hour = 0;
  };

  explicit View(std::uint32_t stages) : groups_(stages) {}

  Slot find(std::uint64_t prefix) const;
  Slot find(const NodeId& id) const;
  const Member& at(Slot slot) const { return members_[slot]; }
  Member& at(Slot slot) { return members_[slot]; }
  /// The present member of this id; null: none.
  const Member* present(const NodeId& id) const;

  /// kNone at the bound, or where another id has the same prefix.
  Slot insert(TimePoint now, RecordPtr record);  // alive
  void replace(Slot slot, RecordPtr record);     // of the same node
  void set_standing(TimePoint now, Slot slot, Standing standing, Random& random);
  void erase(Slot slot);

  std::uint32_t size() const { return static_cast<std::uint32_t>(index_used_); }
  std::uint32_t present_count() const { return present_; }
  std::uint32_t dialable_count() const { return dialable_; }  // of those present
  Counts counts(StageIndex group) const;
  std::array<std::uint64_t, kBuckets> sums(StageIndex group) const;
  std::span<const Slot> bucket(StageIndex group, std::size_t bucket) const;
  std::span<const Slot> vanished() const { return vanished_; }
  Slot random_present(StageIndex group, Random& random) const;  // kNone: the group is empty
  /// All present members of a group, in the order of its buckets.
  void list(StageIndex group, std::vector<Slot>& out) const;

  static std::size_t bucket_of(std::uint64_t prefix) { return prefix >> 60; }

 private:
  struct Group {
    std::array<std::vector<Slot>, kBuckets> buckets;
    std::array<std::uint64_t, kBuckets> sums{};
    Counts counts;
  };

  void enter(Slot slot);  // into its bucket, or among those that vanished
  void leave(Slot slot);
  void count(const Member& member, bool is_added);
  void index(Slot slot);
  void unindex(Slot slot);
  std::size_t home(std::uint64_t prefix) const { return mix64(prefix) & (table_.size() - 1); }

  std::vector<std::unique_ptr<Group>> groups_;  // null: empty
  std::vector<Member> members_;
  std::vector<Slot> free_;
  std::vector<Slot> vanished_;
  std::vector<Slot> table_;  // open addressing by prefix; a power of two, at most half full
  std::size_t index_used_ = 0;
  std::uint32_t present_ = 0;
  std::uint32_t dialable_ = 0;
};

}  // namespace brigade::swarm::membership

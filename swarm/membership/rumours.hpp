// News on its way through the swarm: what this node still tells others, and whom.
//
// Rules
// - Each rumour is told once over each link, but not over one on which it came: so every member of
//   a connected overlay hears it, and few hear it more than two or three times. What a link that
//   broke swallowed is found when members compare what they know (reconcile.hpp).
// - It is kept for as many rounds as it takes to have a turn with every link.
// - Newer news of a member replaces older; it is told only to those who keep records of its group.
// - Bounds: limits::kMaxWaitingRumours; at the bound the one kept longest goes.
// Cost: O(waiting) a message; a few dozen wait in a large swarm with much coming and going.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "swarm/membership/links.hpp"
#include "swarm/membership/message.hpp"

namespace brigade::swarm::membership {

class Rumours {
 public:
  struct Item {
    Rumour rumour;
    std::uint64_t subject = 0;   // prefixes
    std::uint64_t observer = 0;  // of a suspicion
    Incarnation incarnation;
    StageIndex group;
    StageIndex former;         // where the subject was before, else `group`
    std::uint64_t known = 0;   // links over which it was told or heard, a bit each
    std::uint32_t rounds = 1;  // that it is kept
  };

  void push(Item item);
  /// Told, or heard, over the link of this bit.
  void note(std::uint64_t subject, std::uint64_t observer, Incarnation incarnation,
            std::uint64_t bit);
  /// Nothing was told yet over the link of this bit: it is a new one.
  void forget(std::uint64_t bit);
  /// What is said of the subject below this incarnation is old; suspicions of it, also at it.
  void supersede(std::uint64_t subject, Incarnation incarnation);
  /// The freshest news that the peer should hear, at most limits::kMaxRumours.
  void take(const Link& link, std::vector<Rumour>& out);
  void end_round();
  std::size_t size() const { return items_.size(); }

 private:
  std::vector<Item> items_;
  std::vector<std::uint32_t> chosen_;
};

}  // namespace brigade::swarm::membership

// Which node goes to another stage when the balance of the swarm is lost: a pure decision that
// every node makes from what it knows of the members, and that all who know the same make alike.
//
// Rules
// - A stage without anybody for kVacant, or with at least kTilt nodes less than the fullest for
//   kUnbalanced, gets one: of the fullest that can spare one, the node with the
//   smallest hash of node and stage.
// - One at a time: while somebody is on its way to a stage, nobody else sets out for it; who has
//   arrived somewhere stays for kStays.
// - Nobody is sent to be a head where the swarm's description names no data to copy.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace brigade::daemon {

/// Who hosts a stage.
struct Crew {
  std::vector<NodeId> nodes;   // that may go elsewhere
  std::vector<NodeId> fixed;   // whose owners chose this stage
  std::size_t nodes_told = 0;  // as others sum it up, where the nodes are not known
  bool awaits_one = false;     // somebody is on its way there, or still finishes what it holds
};

class Mover {
 public:
  static constexpr Duration kVacant = std::chrono::seconds{5};
  static constexpr Duration kUnbalanced = std::chrono::minutes{2};
  static constexpr Duration kStays = std::chrono::minutes{5};
  static constexpr std::size_t kTilt = 2;
  static constexpr Duration kToFinish = std::chrono::seconds{20};

  Mover(const NodeId& self, StageIndex stage, TimePoint now, bool gives_data = false)
      : self_(self), stage_(stage), gives_data_(gives_data), arrived_at_(now) {}

  /// `crews` by stage. Where this node is to go now, and why.
  struct Move {
    StageIndex to;
    const char* reason = "";  // a literal
    /// To finish what it holds: without that stage it can't, and others take it over.
    Duration at_most{};
  };
  std::optional<Move> decide(TimePoint now, const std::vector<Crew>& crews);

 private:
  bool is_chosen(const Crew& richest, StageIndex target) const;

  NodeId self_;
  StageIndex stage_;
  bool gives_data_;
  TimePoint arrived_at_;
  std::map<StageIndex, TimePoint> vacant_since_;
  std::optional<TimePoint> tilted_since_;
};

}  // namespace brigade::daemon

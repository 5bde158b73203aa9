// With whom a line is made where several nodes host one stage: of those that have a checkpoint of
// it, else of all, the one that has served longest. It follows from what they say of themselves
// alone, so all nodes that know the same members choose the same.
//
// (Replicas that share the work of a stage replace this.)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "base/ids.hpp"
#include "swarm/membership/action.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::daemon {

class LineChoice {
 public:
  /// What is known of a member now.
  void update(const swarm::membership::RecordPtr& record, swarm::membership::Standing standing);
  void forget(const NodeId& member);
  /// Who works for this stage; none: nobody does.
  std::optional<NodeId> of(StageIndex stage) const;

 private:
  /// The first of a stage works there.
  using Rank = std::tuple<StageIndex, bool, std::uint64_t, NodeId>;  // stage, has none, since, id
  std::map<NodeId, Rank> candidates_;
  std::map<Rank, NodeId> ranked_;
};

}  // namespace brigade::daemon

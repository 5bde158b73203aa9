// With whom this node keeps links up for training: some replicas of the stage before, of the stage
// after, and of its own, whose weights it averages with. In a large swarm each node chooses others,
// and keeps its choice while the chosen are there: by a hash of both ids, the smallest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "swarm/membership/action.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::daemon {

class Neighbours {
 public:
  static constexpr std::size_t kBeside = 8;  // of each stage beside its own; others choose it too
  static constexpr std::size_t kOwn = 4;

  Neighbours(const NodeId& self, StageIndex stage) : self_(self), stage_(stage) {}

  /// What is known of a member now.
  void update(const swarm::membership::RecordPtr& record, swarm::membership::Standing standing);
  void forget(const NodeId& member);
  /// A micro-batch is there, or comes from there.
  void want(const NodeId& member, bool is_wanted);
  /// With whom links are wanted.
  std::set<NodeId> chosen() const;
  /// Whether a link with a node of that stage is one of training.
  bool trains_with(StageIndex stage) const;

 private:
  using Rank = std::pair<std::uint64_t, NodeId>;
  Rank rank_of(const NodeId& member) const;

  NodeId self_;
  StageIndex stage_;
  std::map<NodeId, StageIndex> stages_;
  std::set<NodeId> wanted_;
  std::map<StageIndex, std::set<Rank>> ranked_;
};

}  // namespace brigade::daemon

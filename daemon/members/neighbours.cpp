#include "daemon/members/neighbours.hpp"

#include "base/random.hpp"

namespace brigade::daemon {

namespace membership = swarm::membership;

Neighbours::Rank Neighbours::rank_of(const NodeId& member) const {
  return {mix64(membership::prefix_of(self_) ^ membership::prefix_of(member)), member};
}

bool Neighbours::trains_with(StageIndex stage) const {
  return stage == stage_ || stage == stage_.next() || stage.next() == stage_;
}

void Neighbours::update(const membership::RecordPtr& record, membership::Standing standing) {
  forget(record->id);
  const bool works =
      standing <= membership::Standing::kSuspected && record->stage &&
      (record->doing == membership::Doing::kServing ||
       record->doing == membership::Doing::kMoving || record->doing == membership::Doing::kLeaving);
  if (!works || record->id == self_ || !trains_with(*record->stage)) return;
  stages_.emplace(record->id, *record->stage);
  ranked_[*record->stage].insert(rank_of(record->id));
}

void Neighbours::forget(const NodeId& member) {
  const auto known = stages_.find(member);
  if (known == stages_.end()) return;
  ranked_[known->second].erase(rank_of(member));
  stages_.erase(known);
}

void Neighbours::want(const NodeId& member, bool is_wanted) {
  if (is_wanted) {
    wanted_.insert(member);
  } else {
    wanted_.erase(member);
  }
}

std::set<NodeId> Neighbours::chosen() const {
  std::set<NodeId> chosen;
  for (const NodeId& member : wanted_)
    if (stages_.contains(member)) chosen.insert(member);
  for (const auto& [stage, ranked] : ranked_) {
    std::size_t room = stage == stage_ ? kOwn : kBeside;
    for (auto one = ranked.begin(); one != ranked.end() && room > 0; ++one, --room)
      chosen.insert(one->second);
  }
  return chosen;
}

}  // namespace brigade::daemon

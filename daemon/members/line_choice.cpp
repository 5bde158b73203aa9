#include "daemon/members/line_choice.hpp"

namespace brigade::daemon {

namespace membership = swarm::membership;

void LineChoice::update(const membership::RecordPtr& record, membership::Standing standing) {
  forget(record->id);
  const bool works = standing <= membership::Standing::kSuspected && record->stage &&
                     (record->doing == membership::Doing::kServing ||
                      record->doing == membership::Doing::kLeaving);
  if (!works) return;
  const Rank rank{*record->stage, !record->has_state, record->serves_since_unix_s, record->id};
  candidates_.emplace(record->id, rank);
  ranked_.emplace(rank, record->id);
}

void LineChoice::forget(const NodeId& member) {
  const auto found = candidates_.find(member);
  if (found == candidates_.end()) return;
  ranked_.erase(found->second);
  candidates_.erase(found);
}

std::optional<NodeId> LineChoice::of(StageIndex stage) const {
  const auto first = ranked_.lower_bound(Rank{stage, false, 0, NodeId{}});
  if (first == ranked_.end() || std::get<StageIndex>(first->first) != stage) return std::nullopt;
  return first->second;
}

}  // namespace brigade::daemon

#include "swarm/membership/dials.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace brigade::swarm::membership {

bool Dials::is_under_way(std::uint64_t prefix) const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const Pending& pending) { return pending.prefix == prefix; });
}

bool Dials::may_begin(TimePoint now, const NodeRecord& record) const {
  const std::uint64_t prefix = prefix_of(record.id);
  if (!record.can_be_dialled || pending_.size() >= limits::kMaxDials) return false;
  return !is_under_way(prefix) &&
         std::none_of(failed_.begin(), failed_.end(),
                      [&](const Failed& f) { return f.prefix == prefix && f.until > now; });
}

bool Dials::begin(TimePoint now, const RecordPtr& record, TimePoint deadline, const char* reason,
                  Actions& actions) {
  if (!may_begin(now, *record)) return false;
  pending_.push_back({record->id, prefix_of(record->id), deadline});
  actions.push(Dial{record, reason});
  return true;
}

void Dials::connect(std::uint64_t prefix) {
  std::erase_if(pending_, [&](const Pending& pending) { return pending.prefix == prefix; });
}

void Dials::succeed(std::uint64_t prefix) {
  std::erase_if(failed_, [&](const Failed& failed) { return failed.prefix == prefix; });
}

void Dials::fail(TimePoint now, std::uint64_t prefix, Duration longest_pause, Random& random) {
  std::erase_if(pending_, [&](const Pending& pending) { return pending.prefix == prefix; });
  auto known = std::find_if(failed_.begin(), failed_.end(),
                            [&](const Failed& failed) { return failed.prefix == prefix; });
  if (known == failed_.end()) {
    if (failed_.size() >= kMostFailed) {
      failed_.erase(
          std::min_element(failed_.begin(), failed_.end(),
                           [](const Failed& a, const Failed& b) { return a.until < b.until; }));
    }
    known = failed_.insert(failed_.end(), {prefix, now, kFirstPause / 2});
  }
  known->pause = std::min(2 * known->pause, longest_pause);
  const auto jitter = static_cast<std::uint64_t>(known->pause.count() / 4);
  known->until = now + known->pause + Duration{static_cast<Duration::rep>(random.below(jitter))};
}

void Dials::expire(TimePoint now, std::vector<NodeId>& failed) {
  for (const Pending& pending : pending_) {
    if (pending.deadline <= now) failed.push_back(pending.peer);
  }
}

}  // namespace brigade::swarm::membership

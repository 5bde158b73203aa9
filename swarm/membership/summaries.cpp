#include "swarm/membership/summaries.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm::membership {

bool Summaries::is_sound(const Summary& summary) const {
  const bool has_figures = summary.stage.value() < heard_.size() && summary.age >= Duration{0} &&
                           summary.members <= kMostMembers && summary.serving <= summary.members;
  if (!has_figures || !summary.contact) return has_figures;
  return !fault_of(*summary.contact, shared_.options.stages) && summary.contact->can_be_dialled &&
         group_of(*summary.contact, shared_.options.stages) == summary.stage;
}

void Summaries::merge(TimePoint now, const NodeId& from, const std::vector<Summary>& summaries,
                      std::vector<RecordPtr>& contacts) {
  if (summaries.size() > limits::kMaxSummaries) {
    shared_.blame(from, "too many summaries");
    return;
  }
  for (const Summary& summary : summaries) {
    if (!is_sound(summary)) {
      shared_.blame(from, "a summary that can't be true");
      return;
    }
    if (summary.age > kOldest) continue;
    if (summary.contact && shared_.interest.has(summary.stage)) contacts.push_back(summary.contact);
    Heard& heard = heard_[summary.stage.value()];
    const TimePoint counted = now - summary.age;
    const RecordPtr contact = heard.summary.contact;
    if (counted > heard.counted) {
      heard.summary = summary;
      heard.counted = counted;
      if (!summary.contact) heard.summary.contact = contact;
    }
    if (summary.contact && counted > heard.contact_counted) {
      heard.summary.contact = summary.contact;
      heard.contact_counted = counted;
    }
  }
}

RecordPtr Summaries::contact_of(TimePoint now, StageIndex stage) {
  if (shared_.interest.has(stage)) {
    const Slot slot = shared_.view.random_present(stage, shared_.random);
    const RecordPtr record = slot == View::kNone ? nullptr : shared_.view.at(slot).record;
    if (record && record->can_be_dialled) return record;
  }
  const Heard& heard = heard_[stage.value()];
  const bool is_young =
      heard.contact_counted != TimePoint::min() && now - heard.contact_counted <= kOldestContact;
  return is_young ? heard.summary.contact : nullptr;
}

RecordPtr Summaries::contact_for(TimePoint now, StageIndex group) {
  constexpr std::uint64_t kFollowers = 3;  // the group itself, and the two beside it
  const std::uint64_t first = shared_.random.below(kFollowers);
  for (std::uint64_t i = 0; i < kFollowers; ++i) {
    const std::uint64_t beside = group.value() + (first + i) % kFollowers;  // one more than it is
    if (beside == 0 || beside > heard_.size()) continue;
    const RecordPtr contact = contact_of(now, StageIndex{static_cast<std::uint32_t>(beside - 1)});
    if (!contact || contact->id == shared_.options.self) continue;
    if (!shared_.links.has(contact->id)) return contact;
  }
  return nullptr;
}

RecordPtr Summaries::far_contact(TimePoint now) {
  const StageIndex stage{static_cast<std::uint32_t>(shared_.random.below(heard_.size()))};
  return shared_.interest.has(stage) ? nullptr : contact_of(now, stage);
}

Summary Summaries::of(TimePoint now, StageIndex stage) const {
  if (shared_.interest.has(stage)) {
    const View::Counts counts = shared_.view.counts(stage);
    return {stage, counts.members, counts.serving, counts.microbatches_hour, Duration{0}, nullptr};
  }
  const Heard& heard = heard_[stage.value()];
  if (!is_fresh(now, heard)) return {stage, 0, 0, 0, Duration::max(), nullptr};
  Summary summary = heard.summary;
  summary.age = now - heard.counted;
  summary.contact = nullptr;
  return summary;
}

std::vector<Summary> Summaries::list(TimePoint now) {
  std::vector<Summary> result;
  const auto stages = static_cast<std::uint32_t>(heard_.size());
  const auto most = std::min<std::uint32_t>(stages, limits::kMaxSummaries);
  result.reserve(most);
  next_contact_ = (next_contact_ + kContacts) % stages;
  for (std::uint32_t i = 0; i < most; ++i) {
    const StageIndex stage{next_};
    next_ = (next_ + 1) % stages;
    Summary summary = of(now, stage);
    if (summary.age > kOldest) continue;
    const std::uint32_t turn = (stage.value() + stages - next_contact_) % stages;
    if (turn < kContacts) summary.contact = contact_of(now, stage);
    result.push_back(std::move(summary));
  }
  return result;
}

std::uint64_t Summaries::total(TimePoint now) const {
  std::uint64_t sum = 0;
  for (std::uint32_t stage = 0; stage < heard_.size(); ++stage) {
    const std::uint32_t counted = shared_.view.counts(StageIndex{stage}).members;
    const std::uint32_t told = is_fresh(now, heard_[stage]) ? heard_[stage].summary.members : 0;
    sum += std::max(counted, told);
  }
  return sum;
}

}  // namespace brigade::swarm::membership

#include "swarm/membership/overlay.hpp"

#include <algorithm>
#include <limits>

#include "base/limits.hpp"

namespace brigade::swarm::membership {
namespace {

constexpr Duration kStrangerTime = std::chrono::seconds{20};  // for a link with nothing in common
constexpr Duration kBriskly = std::chrono::seconds{10};       // between refreshes
constexpr std::uint32_t kTries = 8;                           // random members looked at

}  // namespace

Overlay::Overlay(Shared& shared, Summaries& summaries, TimePoint now)
    : shared_(shared),
      summaries_(summaries),
      refresh_at_(now + shared.options.refresh_interval),
      find_at_(now) {
  const auto interval = static_cast<std::uint64_t>(shared.options.refresh_interval.count());
  refresh_at_ += Duration{static_cast<Duration::rep>(shared_.random.below(interval))};
}

std::uint32_t Overlay::free_links() const {
  const auto& links = shared_.links.all();
  return static_cast<std::uint32_t>(
      std::count_if(links.begin(), links.end(),
                    [&](const Link& link) { return !shared_.links.is_pinned(link.peer); }));
}

std::uint32_t Overlay::most_links() const {
  // Twice what is wanted from each who can be dialled, so that all find room.
  const View& view = shared_.view;
  const std::uint32_t wanted = shared_.options.wanted_links * view.present_count();
  return std::max(shared_.options.most_links,
                  2 * wanted / std::max(view.dialable_count(), std::uint32_t{1}));
}

bool Overlay::admit(const Link& link) {
  const bool is_needed = link.was_dialled_here || shared_.links.is_pinned(link.peer);
  if (is_needed || free_links() <= most_links()) return true;
  shared_.drop(NodeId{link.peer}, "enough links");
  return false;
}

Duration Overlay::pause() {
  // The longest pause is what makes the swarm as a whole dial once in a quarter of longest_pause.
  const Options& options = shared_.options;
  const std::uint32_t sharers = shared_.sharers();
  const Duration longest = options.longest_pause * sharers;
  Duration pause = options.first_pause * sharers;
  for (std::uint32_t i = 0; i < failures_ && pause < longest; ++i) pause += pause / 2;
  pause = std::min(pause, longest);
  const auto half = static_cast<std::uint64_t>(pause.count() / 2);
  return pause / 2 + Duration{static_cast<Duration::rep>(shared_.random.below(2 * half + 1))};
}

void Overlay::on_vanished(TimePoint now) {
  failures_ = 0;
  vanished_at_ = std::min(vanished_at_, now + pause());
}

void Overlay::look_around(TimePoint now) {
  constexpr std::uint32_t kRefreshes = 4;
  brisk_ = kRefreshes;
  const auto spread = static_cast<std::uint64_t>(kBriskly.count());
  refresh_at_ = std::min(refresh_at_,
                         now + Duration{static_cast<Duration::rep>(shared_.random.below(spread))});
}

void Overlay::learn(const RecordPtr& record) {
  if (record->id == shared_.options.self || !record->can_be_dialled) return;
  // Old words of a node lie about longer than it stays where they say.
  const auto is_newer = [&](const RecordPtr& known) {
    return known->id == record->id && known->incarnation > record->incarnation;
  };
  if (std::any_of(contacts_.begin(), contacts_.end(), is_newer)) return;
  std::erase_if(contacts_, [&](const RecordPtr& known) { return known->id == record->id; });
  if (contacts_.size() < kMostContacts) {
    contacts_.push_back(record);
  } else {
    contacts_[shared_.random.below(contacts_.size())] = record;
  }
}

void Overlay::dial_pins(TimePoint now) {
  for (const NodeId& peer : shared_.links.pins()) {
    const View::Member* member = shared_.view.present(peer);
    if (member) shared_.dial(now, member->record, "training needs it");
  }
}

RecordPtr Overlay::candidate(TimePoint now) {
  const Interest& interest = shared_.interest;
  std::uint32_t fewest = std::numeric_limits<std::uint32_t>::max();
  RecordPtr best;
  const std::uint32_t groups = interest.last.value() - interest.first.value() + 1;
  const auto start = static_cast<std::uint32_t>(shared_.random.below(groups));
  for (std::uint32_t i = 0; i < groups; ++i) {
    const StageIndex group{interest.first.value() + (start + i) % groups};
    if (shared_.view.counts(group).members == 0) continue;
    const auto& links = shared_.links.all();
    const auto count =
        static_cast<std::uint32_t>(std::count_if(links.begin(), links.end(), [&](const Link& link) {
          const View::Member* member = shared_.view.present(link.peer);
          return member && member->group == group;
        }));
    if (count >= fewest) continue;
    for (std::uint32_t tries = 0; tries < kTries; ++tries) {
      const Slot slot = shared_.view.random_present(group, shared_.random);
      const View::Member& member = shared_.view.at(slot);
      const bool is_good =
          member.standing == Standing::kAlive && member.record->id != shared_.options.self &&
          !shared_.links.has(member.record->id) && shared_.dials.may_begin(now, *member.record);
      if (!is_good) continue;
      best = member.record;
      fewest = count;
      break;
    }
  }
  return best;
}

bool Overlay::dial_contact(TimePoint now) {
  // Kept when it does not answer: it may be the only one that this node ever hears of.
  std::erase_if(contacts_, [&](const RecordPtr& record) {
    return shared_.view.present(record->id) != nullptr;
  });
  if (contacts_.empty()) return false;
  const std::size_t first = shared_.random.below(contacts_.size());
  for (std::size_t i = 0; i < contacts_.size(); ++i) {
    const RecordPtr& record = contacts_[(first + i) % contacts_.size()];
    if (shared_.dial(now, record, "a contact, when few members are known")) return true;
  }
  return false;
}

void Overlay::dial_members(TimePoint now) {
  std::uint32_t links = free_links() + static_cast<std::uint32_t>(shared_.dials.under_way());
  for (std::uint32_t i = 0; i < kDialsARound && links < shared_.options.wanted_links; ++i) {
    const RecordPtr record = candidate(now);
    const bool has_begun =
        record ? shared_.dial(now, record, "more links for news") : dial_contact(now);
    if (!has_begun) break;
    ++links;
  }
}

void Overlay::dial_far(TimePoint now) {
  constexpr double kAttempts = 0.2;  // of the rounds without such a link
  const auto& links = shared_.links.all();
  const bool has_far = std::any_of(links.begin(), links.end(), [&](const Link& link) {
    return link.was_dialled_here && link.has_greeted && !link.interest.meets(shared_.interest);
  });
  if (has_far || !shared_.random.chance(kAttempts)) return;
  if (const RecordPtr contact = summaries_.far_contact(now)) {
    shared_.dial(now, contact, "one link to a far stage");
  }
}

void Overlay::dial_vanished(TimePoint now) {
  const auto vanished = shared_.view.vanished();
  if (vanished.empty()) return;
  // Old ones are forgotten one by one: this looks at as many as are dialled.
  const Slot oldest = vanished[shared_.random.below(vanished.size())];
  if (now - shared_.view.at(oldest).changed > shared_.options.remember) {
    shared_.view.erase(oldest);
    return;
  }
  if (now < vanished_at_ && !(shared_.is_cut_off() && shared_.dials.under_way() == 0)) return;
  for (std::uint32_t tries = 0; tries < kTries; ++tries) {
    const View::Member& member = shared_.view.at(vanished[shared_.random.below(vanished.size())]);
    if (member.standing != Standing::kDead) continue;
    if (shared_.dial(now, member.record, "it vanished: perhaps it is back")) break;
  }
  vanished_at_ = now + pause();
}

void Overlay::refresh(TimePoint now) {
  if (now < refresh_at_) return;
  refresh_at_ = now + (brisk_ > 0 ? kBriskly : shared_.options.refresh_interval);
  brisk_ -= brisk_ > 0 ? 1 : 0;
  if (const RecordPtr record = candidate(now)) shared_.dial(now, record, "a fresh link for an old");
}

void Overlay::drop_surplus(TimePoint now) {
  std::uint32_t dialled_here = 0;
  const Link* oldest = nullptr;
  const Link* stranger = nullptr;
  std::uint32_t strangers = 0;
  for (const Link& link : shared_.links.all()) {
    if (shared_.links.is_pinned(link.peer)) continue;
    if (!link.was_dialled_here) continue;
    const bool is_stranger = link.has_greeted && !link.interest.meets(shared_.interest);
    strangers += is_stranger ? 1 : 0;
    if (is_stranger && now - link.up_at > kStrangerTime) stranger = &link;
    if (is_stranger) continue;
    ++dialled_here;
    if (!oldest || link.up_at < oldest->up_at) oldest = &link;
  }
  if (stranger && strangers > 1) {
    shared_.drop(NodeId{stranger->peer}, "no group in common");
  } else if (oldest && dialled_here > shared_.options.wanted_links) {
    shared_.drop(NodeId{oldest->peer}, "a fresh link replaces it");
  }
}

std::optional<StageIndex> Overlay::uncovered() {
  const Interest& interest = shared_.interest;
  const auto& links = shared_.links.all();
  const auto covers = [](const Link& link, StageIndex first, StageIndex last) {
    return link.has_greeted && link.interest.first <= first && last <= link.interest.last;
  };
  const bool is_covered = std::any_of(links.begin(), links.end(), [&](const Link& link) {
    return covers(link, interest.first, interest.last);
  });
  if (is_covered) return std::nullopt;
  const std::uint32_t groups = interest.last.value() - interest.first.value() + 1;
  const auto start = static_cast<std::uint32_t>(shared_.random.below(groups));
  for (std::uint32_t i = 0; i < groups; ++i) {
    const StageIndex group{interest.first.value() + (start + i) % groups};
    const bool is_any = std::any_of(links.begin(), links.end(),
                                    [&](const Link& link) { return covers(link, group, group); });
    if (!is_any) return group;
  }
  return std::nullopt;
}

void Overlay::search(TimePoint now) {
  const std::optional<StageIndex> group = uncovered();
  if (!group) {
    find_pause_ = kFirstFindPause;
    return;
  }
  if (now < find_at_) return;
  find_at_ = now + find_pause_;
  find_pause_ = std::min(find_pause_ + find_pause_ / 2, kLongestFindPause);
  if (const RecordPtr contact = summaries_.contact_for(now, *group)) {
    shared_.dial(now, contact, "no peer follows a group that this node follows");
  }
}

void Overlay::on_time(TimePoint now) {
  dial_pins(now);
  search(now);
  dial_members(now);
  dial_far(now);
  dial_vanished(now);
  refresh(now);
  drop_surplus(now);
}

}  // namespace brigade::swarm::membership

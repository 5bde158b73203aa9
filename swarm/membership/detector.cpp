#include "swarm/membership/detector.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm::membership {
namespace {

// Members a round: where a thousand know each other, somebody looks at each one every second.
constexpr std::size_t kSweptARound = 2;

bool reaches(const NodeRecord& subject, const NodeId& peer) {
  return std::find(subject.via.begin(), subject.via.end(), peer) != subject.via.end();
}

}  // namespace

Detector::Doubt* Detector::find(const NodeId& subject) {
  const auto found = std::find_if(doubts_.begin(), doubts_.end(),
                                  [&](const Doubt& doubt) { return doubt.subject == subject; });
  return found == doubts_.end() ? nullptr : &*found;
}

bool Detector::can_look(Slot slot) const {
  const NodeRecord& record = *shared_.view.at(slot).record;
  if (record.can_be_dialled || record.via.empty()) return true;
  const auto& links = shared_.links.all();
  return std::any_of(links.begin(), links.end(), [&](const Link& link) {
    return link.peer == record.id || reaches(record, link.peer);
  });
}

void Detector::ask_helpers(const NodeRecord& subject, std::vector<NodeId>& asked) {
  const auto& links = shared_.links.all();
  const std::size_t first = links.empty() ? 0 : shared_.random.below(links.size());
  for (const bool is_via : {true, false}) {
    for (std::size_t i = 0; i < links.size(); ++i) {
      const Link& link = links[(first + i) % links.size()];
      if (asked.size() == shared_.options.helpers) return;
      if (link.peer == subject.id || link.probed_at != kNever || !link.has_greeted) continue;
      if (reaches(subject, link.peer) != is_via) continue;
      shared_.send(link.peer, ProbeFor{subject.id});
      asked.push_back(link.peer);
    }
  }
}

void Detector::doubt(TimePoint now, Slot slot, const char* reason) {
  const RecordPtr record = shared_.view.at(slot).record;
  if (doubts_.size() >= limits::kMaxDoubts || find(record->id)) return;
  Link* link_here = shared_.links.find(record->id);
  if (link_here && link_here->probed_at == kNever) {  // it seems well: an answer ends the doubt
    link_here->probed_at = now;
    shared_.send(record->id, Probe{});
  }
  const Duration time = shared_.options.probe_timeout * (1 + shared_.strain);
  Doubt opened{record->id, now + time, reason, {}, false, false};
  ask_helpers(*record, opened.asked);
  opened.is_dialled = shared_.dials.is_under_way(prefix_of(record->id)) ||
                      shared_.dial(now, record, "to find out whether it lives");
  opened.is_refused = opened.asked.empty() && !opened.is_dialled && !link_here;
  doubts_.push_back(std::move(opened));
}

void Detector::on_dial_failed(TimePoint now, const NodeId& peer) {
  if (Doubt* open = find(peer)) {
    open->is_dialled = false;
    open->is_refused = open->asked.empty() && !shared_.links.has(peer);
    return;
  }
  const Slot slot = shared_.view.find(peer);
  if (slot != View::kNone && shared_.view.at(slot).is_present()) {
    doubt(now, slot, "it could not be dialled");
  }
}

void Detector::on_heard(const NodeId& peer) {
  if (favours_.empty()) return;
  std::erase_if(favours_, [&](const Favour& favour) {
    if (favour.subject != peer) return false;
    shared_.send(favour.asker, ProbeResult{peer, true});
    return true;
  });
}

void Detector::on_probe_for(TimePoint now, const NodeId& from, const NodeId& subject) {
  if (!shared_.links.has(subject) || favours_.size() >= limits::kMaxProbeFavours) {
    shared_.send(from, ProbeResult{subject, false});
    return;
  }
  favours_.push_back({from, subject, now + shared_.options.probe_timeout});
  shared_.send(subject, Probe{});
}

bool Detector::on_result(const NodeId& from, const NodeId& subject, bool is_alive) {
  Doubt* open = find(subject);
  if (!open || std::erase(open->asked, from) == 0) return false;  // late, or not asked
  if (is_alive) {
    settle(subject);
    return shared_.links.has(subject);
  }
  open->is_refused = open->asked.empty() && !open->is_dialled && !shared_.links.has(subject);
  return false;
}

void Detector::settle(const NodeId& subject) {
  std::erase_if(doubts_, [&](const Doubt& doubt) { return doubt.subject == subject; });
}

void Detector::watch_links(TimePoint now) {
  const Duration time = shared_.options.probe_timeout * (1 + shared_.strain);
  std::vector<NodeId> unknown;
  for (Link& link : shared_.links.all()) {
    if (link.probed_at == kNever && now - link.heard_at >= shared_.options.silence) {
      link.probed_at = now;
      shared_.send(link.peer, Probe{});
    } else if (link.probed_at != kNever && now - link.probed_at >= time) {
      const Slot slot = shared_.view.find(link.peer);
      const bool is_known = slot != View::kNone && shared_.view.at(slot).is_present();
      if (!is_known) unknown.push_back(link.peer);
      if (is_known && !link.is_doubted) doubt(now, slot, "its link is silent");
      link.is_doubted = true;
    }
  }
  for (const NodeId& peer : unknown) shared_.drop(peer, "silent, and no member known here");
}

void Detector::sweep(TimePoint now) {
  for (std::size_t i = 0; i < kSweptARound; ++i) {
    if (swept_.empty()) {
      const Interest& interest = shared_.interest;
      group_ = interest.has(StageIndex{group_ + 1}) ? group_ + 1 : interest.first.value();
      shared_.view.list(StageIndex{group_}, swept_);
      return;
    }
    const Slot slot = swept_.back();
    swept_.pop_back();
    const View::Member& member = shared_.view.at(slot);
    if (!member.record || !member.is_present() || member.record->can_be_dialled) continue;
    if (member.record->via.empty() || shared_.links.has(member.record->id)) continue;
    const bool is_lost =
        std::all_of(member.record->via.begin(), member.record->via.end(), [&](const NodeId& peer) {
          const Slot through = shared_.view.find(peer);
          return through != View::kNone && !shared_.view.at(through).is_present();
        });
    if (is_lost) doubt(now, slot, "all through whom it is reached are gone");
  }
}

void Detector::on_time(TimePoint now, std::vector<Finding>& found) {
  watch_links(now);
  sweep(now);
  std::erase_if(favours_, [&](const Favour& favour) { return favour.until <= now; });
  std::erase_if(doubts_, [&](const Doubt& doubt) {
    if (!doubt.is_refused && doubt.deadline > now) return false;
    const Slot slot = shared_.view.find(doubt.subject);
    if (slot != View::kNone && shared_.view.at(slot).is_present()) {
      found.push_back({slot, doubt.reason});
    }
    return true;
  });
}

void Detector::shift(Duration stood_still) {
  for (Doubt& doubt : doubts_) doubt.deadline += stood_still;
  for (Link& link : shared_.links.all()) {
    link.heard_at += stood_still;
    if (link.probed_at != kNever) link.probed_at += stood_still;
  }
}

}  // namespace brigade::swarm::membership

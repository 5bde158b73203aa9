// What peers say: checked, taken in, and told on.
#include <utility>
#include <variant>

#include "base/limits.hpp"
#include "swarm/membership/core.hpp"

namespace brigade::swarm::membership {
namespace {

constexpr std::uint32_t kMostJumps = 2;  // a clock that was wrong explains one or two

}  // namespace

void Membership::Impl::on(TimePoint now, const Received& event) {
  Link* link = shared_.links.find(event.from);
  if (!link || is_gone_) return;  // what was on its way when the link closed
  link->heard_at = now;
  if (link->probed_at != kNever) {
    link->probed_at = kNever;
    link->is_doubted = false;
    detector_.settle(event.from);
  }
  detector_.on_heard(event.from);
  speaker_ = link->bit;
  is_urgent_ = false;
  std::visit([&](const auto& message) { on(now, *link, message); }, event.message);
  if (is_urgent_) tell_at_once();
}

bool Membership::Impl::is_sound(const NodeId& from, const Interest& interest) {
  if (interest.first <= interest.last && interest.last.value() < shared_.options.stages) {
    return true;
  }
  shared_.blame(from, "an interest that can't be true");
  return false;
}

void Membership::Impl::on(TimePoint now, Link& link, const Hello& message) {
  const NodeId from = link.peer;
  if (!is_sound(from, message.interest)) return;
  if (!message.record || message.record->id != from) {
    shared_.blame(from, "a greeting in another's name");
    return;
  }
  link.interest = message.interest;
  const bool is_first = !link.has_greeted;
  const bool was_dialled_here = link.was_dialled_here;
  link.has_greeted = true;
  shared_.dials.succeed(link.prefix);
  take_in(now, from, message.summaries);
  choose_interest(now);  // before the first comparison: a large swarm has more than one may hold
  take_in(now, from, message.record);
  // It does not know how far it had counted in a former life: its clock was set back.
  const Slot slot = shared_.view.find(from);
  if (slot != View::kNone &&
      shared_.view.at(slot).record->incarnation > message.record->incarnation) {
    shared_.send(from, Gossip{shared_.interest, {shared_.view.at(slot).record}, {}});
  }
  const Link* greeted = shared_.links.find(from);
  if (greeted && is_first && was_dialled_here) reconciler_.begin(*greeted);
}

void Membership::Impl::on(TimePoint now, Link& link, const Gossip& message) {
  const NodeId from = link.peer;
  if (!is_sound(from, message.interest)) return;
  if (message.rumours.size() > limits::kMaxRumours) {
    shared_.blame(from, "too many rumours");
    return;
  }
  link.interest = message.interest;
  link.has_greeted = true;
  for (const Rumour& rumour : message.rumours) {
    std::visit([&](const auto& news) { take_in(now, from, news); }, rumour);
  }
  take_in(now, from, message.summaries);
}

void Membership::Impl::on(TimePoint, Link& link, const Probe&) {
  shared_.send(link.peer, ProbeAck{});
}
void Membership::Impl::on(TimePoint, Link&, const ProbeAck&) {}  // heard: that is all it says
void Membership::Impl::on(TimePoint now, Link& link, const ProbeFor& message) {
  detector_.on_probe_for(now, link.peer, message.subject);
}
void Membership::Impl::on(TimePoint now, Link& link, const ProbeResult& message) {
  static_cast<void>(now);
  if (detector_.on_result(link.peer, message.subject, message.is_alive)) {
    shared_.drop(message.subject, "silent here, though others reach it");
  }
}
void Membership::Impl::on(TimePoint now, Link& link, const SyncDigest& message) {
  static_cast<void>(now);
  if (!is_sound(link.peer, message.interest)) return;
  link.interest = message.interest;
  reconciler_.on(link.peer, message);
}
void Membership::Impl::on(TimePoint now, Link& link, const SyncEntries& message) {
  static_cast<void>(now);
  reconciler_.on(link.peer, message);
}
void Membership::Impl::on(TimePoint now, Link& link, const SyncRecords& message) {
  const NodeId from = link.peer;
  const bool is_over_long = message.records.size() > limits::kMaxSyncRecords ||
                            message.suspicions.size() > limits::kMaxSyncRecords ||
                            message.wants.size() > limits::kMaxSyncRecords;
  if (is_over_long) {
    shared_.blame(from, "too many records");
    return;
  }
  for (const RecordPtr& record : message.records) {
    if (!record) {
      shared_.blame(from, "an empty record");
      return;
    }
    take_in(now, from, record);
  }
  for (const SuspicionPtr& suspicion : message.suspicions) take_in(now, from, suspicion);
  reconciler_.answer(from, message);
}

void Membership::Impl::take_in(TimePoint now, const NodeId& from, const RecordPtr& record) {
  if (!record || fault_of(*record, shared_.options.stages)) {
    shared_.blame(from, record ? fault_of(*record, shared_.options.stages) : "an empty record");
    return;
  }
  if (record->id == shared_.options.self) {
    take_in_own(now, *record);
    return;
  }
  const Slot slot = shared_.view.find(prefix_of(record->id));
  if (slot == View::kNone) {
    take_in_new(now, from, record);
    return;
  }
  const View::Member& member = shared_.view.at(slot);
  if (member.record->id != record->id) {
    ++refused_;  // one prefix, two keys: somebody searched for it
  } else if (record->incarnation > member.record->incarnation) {
    take_in_newer(now, record, slot);
  } else if (record->incarnation == member.record->incarnation) {
    shared_.rumours.note(member.prefix, 0, record->incarnation, speaker_);
    if (member.is_doubtful && member.standing == Standing::kDead) {
      revive(now, slot, "others reach it");
    }
  }
}

void Membership::Impl::take_in(TimePoint now, const NodeId& from,
                               const std::vector<Summary>& summaries) {
  if (summaries.empty()) return;
  contacts_.clear();
  summaries_.merge(now, from, summaries, contacts_);
  for (const RecordPtr& contact : contacts_) {
    if (shared_.view.find(contact->id) != View::kNone) continue;
    take_in(now, from, contact);
    if (shared_.view.present(contact->id)) {
      shared_.dial(now, contact, "it follows the same stages, and was not known");
    }
  }
}

void Membership::Impl::take_in_new(TimePoint now, const NodeId& from, const RecordPtr& record) {
  const StageIndex group = group_of(*record, shared_.options.stages);
  if (!shared_.interest.has(group)) return;
  const Slot slot = shared_.view.insert(now, record);
  if (slot == View::kNone) {
    ++refused_;
    return;
  }
  const bool is_gone = record->doing == Doing::kGone;
  if (is_gone) {
    shared_.view.set_standing(now, slot, Standing::kGone, shared_.random);
  } else {
    shared_.actions.push(MemberChanged{record, Standing::kAlive, "a new member"});
  }
  const bool is_own_word = record->id == from;
  if (is_own_word || now - started_at_ >= kNewcomer) spread(record, group);
}

void Membership::Impl::take_in_newer(TimePoint now, const RecordPtr& record, Slot slot) {
  const View::Member before = shared_.view.at(slot);
  suspects_.clear(slot);
  detector_.settle(record->id);
  shared_.view.at(slot).is_doubtful = false;
  shared_.view.replace(slot, record);
  spread(record, before.group);
  const bool is_gone = record->doing == Doing::kGone;
  if (!shared_.interest.has(shared_.view.at(slot).group)) {
    // Remembered, so that old news does not bring it back.
    shared_.view.set_standing(now, slot, Standing::kGone, shared_.random);
    shared_.actions.push(MemberForgotten{record->id, "it went to a group not followed here"});
    return;
  }
  if (before.standing == Standing::kDead) sync_soon(now);
  is_urgent_ = is_urgent_ || before.standing != Standing::kAlive;
  const bool is_back = before.standing != Standing::kAlive;
  const char* reason = is_gone ? "it said goodbye" : is_back ? "it says that it lives" : "its news";
  set_standing(now, slot, is_gone ? Standing::kGone : Standing::kAlive, reason);
}

void Membership::Impl::take_in_own(TimePoint now, const NodeRecord& record) {
  const bool is_equal = record.incarnation == shared_.self->incarnation;
  if (record.incarnation < shared_.self->incarnation) return;
  if (is_equal && says_same(record, *shared_.self)) return;
  // Of a former life, a second ago or with a clock that was ahead; or of another process with the
  // same key.
  if (++jumps_ > kMostJumps) {
    shared_.actions.push(RunsTwice{record.incarnation});
    return;
  }
  renew(now, record.incarnation, "its own record was newer than it knew");
}

void Membership::Impl::take_in(TimePoint now, const NodeId& from, const SuspicionPtr& suspicion) {
  const char* fault = suspicion ? fault_of(*suspicion) : "an empty suspicion";
  if (fault) {
    shared_.blame(from, fault);
    return;
  }
  if (suspicion->subject == shared_.options.self) {
    // Of a later one: of a former life, where the clock was set back, or a lie. Only a record that
    // this node signed once tells them apart.
    if (suspicion->incarnation == shared_.self->incarnation) {
      shared_.strain_more();
      renew(now, suspicion->incarnation, "it was suspected, and lives");
    }
    return;
  }
  if (suspicion->observer == shared_.options.self) return;
  const Slot slot = shared_.view.find(suspicion->subject);
  if (slot == View::kNone || !shared_.view.at(slot).is_present()) return;
  const RecordPtr record = shared_.view.at(slot).record;
  if (record->incarnation != suspicion->incarnation) return;
  const Slot observer = shared_.view.find(suspicion->observer);
  // One that is held for dead may be of the other half of a split: its subject should hear of it.
  if (observer == View::kNone) suspects_.hint(now, slot);
  if (observer == View::kNone || shared_.view.at(observer).standing == Standing::kGone) return;
  switch (suspects_.add(now, slot, suspicion->observer)) {
    case Suspects::Heard::kKnown:
      shared_.rumours.note(prefix_of(suspicion->subject), prefix_of(suspicion->observer),
                           suspicion->incarnation, speaker_);
      return;
    case Suspects::Heard::kEnough:
      return;
    case Suspects::Heard::kNews:
      break;
  }
  if (shared_.view.at(slot).standing == Standing::kAlive) {
    set_standing(now, slot, Standing::kSuspected, "another could not reach it");
  }
  spread(suspicion, shared_.view.at(observer).group, slot);
  if (const Link* subject = shared_.links.find(suspicion->subject)) {  // it should hear at once
    shared_.send(subject->peer, Gossip{shared_.interest, {suspicion}, {}});
    shared_.rumours.note(subject->prefix, prefix_of(suspicion->observer), suspicion->incarnation,
                         subject->bit);
  }
}

}  // namespace brigade::swarm::membership

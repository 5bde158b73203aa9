#include "swarm/membership/membership.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "swarm/membership/core.hpp"

namespace brigade::swarm::membership {
namespace {

constexpr Duration kStoodStill = std::chrono::seconds{4};     // beyond a late timer
constexpr Duration kLinksTogether = std::chrono::seconds{2};  // lost: perhaps it is this node
constexpr Duration kRefusal = std::chrono::seconds{5};        // closed so soon: it has no room
constexpr Duration kViaPause = std::chrono::seconds{10};

RecordPtr first_record(const Options& options) {
  NodeRecord record;
  record.id = options.self;
  record.incarnation = options.incarnation;
  record.doing = options.stage ? Doing::kServing : Doing::kSpare;
  record.stage = options.stage;
  record.can_be_dialled = options.can_be_dialled;
  record.addresses = options.addresses;
  record.memory_bytes = options.memory_bytes;
  record.pace = options.pace;
  return std::make_shared<NodeRecord>(std::move(record));
}

}  // namespace

Membership::Impl::Impl(const Options& options, TimePoint now)
    : shared_(options),
      detector_(shared_),
      suspects_(shared_),
      reconciler_(shared_),
      summaries_(shared_),
      overlay_(shared_, summaries_, now),
      started_at_(now),
      last_event_(now),
      next_sync_(now),
      next_via_(now) {
  shared_.self = first_record(options);
  BRIGADE_CHECK(!fault_of(*shared_.self, options.stages), "the own record is sound");
  self_slot_ = shared_.view.insert(now, shared_.self);
  shared_.interest = {StageIndex{0}, StageIndex{options.stages - 1}};
  const auto interval = static_cast<std::uint64_t>(options.gossip_interval.count());
  next_round_ = now + Duration{static_cast<Duration::rep>(shared_.random.below(interval))};
}

void Membership::Impl::begin(TimePoint now) {
  speaker_ = 0;
  const Duration gap = is_gone_ ? Duration{0} : now - std::max(last_event_, next_round_);
  last_event_ = now;
  if (gap < kStoodStill) return;
  // This node stood still: what it did not hear meanwhile says nothing of the others.
  shared_.strain_more();
  suspects_.shift(gap);
  detector_.shift(gap);
  next_round_ = now;
  next_sync_ = now;
}

void Membership::Impl::on(TimePoint now, const Tick&) {
  if (now < next_round_ || is_gone_) return;
  ++round_;
  next_round_ = std::max(next_round_ + shared_.options.gossip_interval, now);
  std::vector<NodeId> failed;
  shared_.dials.expire(now, failed);
  for (const NodeId& peer : failed) on(now, DialFailed{peer});
  judge(now);
  constexpr std::uint32_t kSizeRounds = 4;  // the size of a swarm does not change in a second
  if (round_ % kSizeRounds == 0) choose_interest(now);
  overlay_.on_time(now);
  choose_via(now);
  sync(now);
  gossip(now);
  constexpr std::uint32_t kCalm = 10;  // rounds, until a node trusts itself a little more
  if (round_ % kCalm == 0) shared_.strain_less();
}

void Membership::Impl::judge(TimePoint now) {
  findings_.clear();
  detector_.on_time(now, findings_);
  for (const Detector::Finding& finding : findings_) accuse(now, finding.slot, finding.reason);
  dead_.clear();
  unsure_.clear();
  suspects_.on_time(now, dead_, unsure_);
  for (const Slot slot : unsure_) {
    if (detector_.can_look(slot) || suspects_.is_overdue(now, slot)) {
      detector_.doubt(now, slot, "one other could not reach it");
    }
    if (suspects_.observers(slot) == 0) suspects_.clear(slot);
  }
  for (const Slot slot : dead_) bury(now, slot);
}

void Membership::Impl::sync_soon(TimePoint now) {
  constexpr Duration kSoon = std::chrono::seconds{2};
  next_sync_ = std::min(next_sync_, now + kSoon);
}

void Membership::Impl::accuse(TimePoint now, Slot slot, const char* reason) {
  const RecordPtr record = shared_.view.at(slot).record;
  if (suspects_.add(now, slot, shared_.options.self) != Suspects::Heard::kNews) return;
  if (shared_.view.at(slot).standing == Standing::kAlive) {
    set_standing(now, slot, Standing::kSuspected, reason);
  }
  if (shared_.is_cut_off()) return;
  spread(shared_.suspect(*record), shared_.view.at(self_slot_).group, slot);
  tell_at_once();
}

void Membership::Impl::bury(TimePoint now, Slot slot) {
  const RecordPtr record = shared_.view.at(slot).record;
  const Link* link = shared_.links.find(record->id);
  if (link && link->probed_at == kNever && link->heard_at > suspects_.since(slot)) {
    revive(now, slot, "its link lives");
    return;
  }
  const char* reason =
      suspects_.is_suspected_here(slot) ? "not reached, no answer" : "others could not reach it";
  suspects_.clear(slot);
  detector_.settle(record->id);
  shared_.drop(record->id, "held for dead");
  shared_.view.at(slot).is_doubtful = shared_.is_cut_off();
  set_standing(now, slot, Standing::kDead, reason);
  overlay_.on_vanished(now);
}

void Membership::Impl::set_standing(TimePoint now, Slot slot, Standing standing,
                                    const char* reason) {
  const RecordPtr record = shared_.view.at(slot).record;
  shared_.view.set_standing(now, slot, standing, shared_.random);
  shared_.actions.push(MemberChanged{record, standing, reason});
}

void Membership::Impl::revive(TimePoint now, Slot slot, const char* reason) {
  suspects_.clear(slot);
  detector_.settle(shared_.view.at(slot).record->id);
  shared_.view.at(slot).is_doubtful = false;
  if (shared_.view.at(slot).standing == Standing::kAlive) return;
  if (shared_.view.at(slot).standing == Standing::kDead) sync_soon(now);
  set_standing(now, slot, Standing::kAlive, reason);
}

void Membership::Impl::on(TimePoint now, const LinkUp& event) {
  if (event.peer == shared_.options.self) return;
  shared_.dials.connect(prefix_of(event.peer));
  detector_.settle(event.peer);
  if (shared_.links.has(event.peer) || is_gone_) return;
  if (shared_.links.all().size() >= limits::kMaxLinks) {
    shared_.actions.push(Drop{event.peer, "too many links"});
    return;
  }
  const Link& link = shared_.links.add({.peer = event.peer,
                                        .prefix = prefix_of(event.peer),
                                        .interest = {},
                                        .up_at = now,
                                        .heard_at = now,
                                        .was_dialled_here = event.was_dialled_here});
  shared_.rumours.forget(link.bit);
  if (!overlay_.admit(link)) return;
  shared_.send(event.peer, Hello{shared_.self, shared_.interest, summaries_.list(now)});
  const Slot slot = shared_.view.find(event.peer);
  if (slot == View::kNone) return;
  const View::Member& member = shared_.view.at(slot);
  const bool is_doubted =
      member.standing == Standing::kSuspected || member.standing == Standing::kDead;
  // It lives: others who hold it for dead believe it when it says so in a higher incarnation.
  if (is_doubted)
    shared_.send(event.peer, Gossip{shared_.interest, {shared_.suspect(*member.record)}, {}});
}

void Membership::Impl::on(TimePoint now, const LinkDown& event) {
  const Link* link = shared_.links.find(event.peer);
  if (!link) return;
  const bool is_refusal =
      event.was_closed && link->was_dialled_here && now - link->up_at < kRefusal;
  shared_.links.remove(event.peer);
  if (is_refusal) shared_.fail_dial(now, event.peer);
  if (event.was_closed || is_gone_) return;
  const bool are_several =
      link_lost_at_ != TimePoint::min() && now - link_lost_at_ < kLinksTogether;
  if (are_several && !has_strained_) {  // once, however many
    shared_.strain_more();
    overlay_.look_around(now);
  }
  has_strained_ = are_several;
  link_lost_at_ = now;
  const Slot slot = shared_.view.find(event.peer);
  if (slot != View::kNone && shared_.view.at(slot).is_present()) {
    detector_.doubt(now, slot, "its link broke");
  }
}

void Membership::Impl::on(TimePoint now, const DialFailed& event) {
  shared_.fail_dial(now, event.peer);
  const Slot slot = shared_.view.find(event.peer);
  if (slot != View::kNone && !shared_.view.at(slot).is_present()) overlay_.on_dial_failed();
  detector_.on_dial_failed(now, event.peer);
}

void Membership::Impl::on(TimePoint now, const Learned& event) {
  static_cast<void>(now);
  if (!event.record || fault_of(*event.record, shared_.options.stages)) return;
  overlay_.learn(event.record);
}

void Membership::Impl::on(TimePoint now, const PinChanged& event) {
  static_cast<void>(now);
  if (event.is_pinned) {
    shared_.links.pin(event.peer);
  } else {
    shared_.links.unpin(event.peer);
  }
}

void Membership::Impl::on(TimePoint now, const DoingChanged& event) {
  NodeRecord changed = *shared_.self;
  changed.doing = event.doing;
  changed.target = event.target;
  changed.stays = event.stays;
  changed.has_state = event.has_state;
  if (event.doing != Doing::kGone) changed.stage = event.stage;
  if (fault_of(changed, shared_.options.stages)) return;
  const StageIndex before = group_of(*shared_.self, shared_.options.stages);
  say_if_new(now, std::move(changed), "it does something else");
  is_gone_ = event.doing == Doing::kGone;
  if (is_gone_) next_round_ = kNever;
  if (group_of(*shared_.self, shared_.options.stages) == before) return;
  choose_interest(now);
  overlay_.find_anew(now);
  next_sync_ = now;
}

void Membership::Impl::on(TimePoint now, const ReachChanged& event) {
  NodeRecord changed = *shared_.self;
  changed.can_be_dialled = event.can_be_dialled;
  changed.addresses = event.addresses;
  if (changed.can_be_dialled) changed.via.clear();
  if (!fault_of(changed, shared_.options.stages))
    say_if_new(now, std::move(changed), "its addresses");
}

void Membership::Impl::on(TimePoint now, const PaceChanged& event) {
  constexpr int kStep = 5;  // a fifth: each change is news for all
  const Duration before = shared_.self->pace;
  const Duration change = std::max(event.pace, before) - std::min(event.pace, before);
  if (before > Duration{0} && change < before / kStep) return;
  NodeRecord changed = *shared_.self;
  changed.pace = event.pace;
  if (!fault_of(changed, shared_.options.stages)) say_if_new(now, std::move(changed), "its pace");
}

void Membership::Impl::on(TimePoint now, const Expelled& event) {
  static_cast<void>(now);
  if (event.node == shared_.options.self) return;
  shared_.drop(event.node, "it was expelled");
  shared_.rumours.supersede(prefix_of(event.node), Incarnation(limits::kMaxIncarnation).next());
  const Slot slot = shared_.view.find(event.node);
  if (slot != View::kNone) forget(slot, "it was expelled");
}

void Membership::Impl::say_if_new(TimePoint now, NodeRecord changed, const char* reason) {
  if (!says_same(changed, *shared_.self)) say(now, std::move(changed), reason);
}

void Membership::Impl::say(TimePoint now, NodeRecord changed, const char* reason) {
  static_cast<void>(now);
  if (is_gone_) return;
  ++renewals_;
  changed.incarnation = std::max(changed.incarnation, shared_.self->incarnation).next();
  changed.proof = nullptr;
  const StageIndex former = group_of(*shared_.self, shared_.options.stages);
  shared_.self = std::make_shared<NodeRecord>(std::move(changed));
  shared_.view.replace(self_slot_, shared_.self);
  shared_.actions.push(Renewed{shared_.self->incarnation, reason});
  const std::uint64_t speaker = std::exchange(speaker_, 0);
  spread(shared_.self, former);
  tell_at_once();
  speaker_ = speaker;
}

void Membership::Impl::renew(TimePoint now, Incarnation above, const char* reason) {
  if (above.value() >= limits::kMaxIncarnation) return;
  NodeRecord changed = *shared_.self;
  changed.incarnation = std::max(changed.incarnation, above);
  say(now, std::move(changed), reason);
}

void Membership::Impl::choose_interest(TimePoint now) {
  const std::uint32_t stages = shared_.options.stages;
  const std::uint64_t total = summaries_.total(now);
  const Interest all{StageIndex{0}, StageIndex{stages - 1}};
  const std::uint32_t own = group_of(*shared_.self, stages).value();
  const Interest near{StageIndex{own == 0 ? 0 : own - 1},
                      StageIndex{std::min(own + 1, stages - 1)}};
  const bool has_all = shared_.interest == all;
  // A quarter of hysteresis: each change costs a comparison with others. In between, one that
  // follows all joins those that do not: they could not tell it of the groups that are far.
  const auto& links = shared_.links.all();
  const bool is_alone = std::none_of(links.begin(), links.end(), [&](const Link& link) {
    return link.has_greeted && link.interest != all;
  });
  const std::uint64_t most = shared_.options.small_swarm;
  const Interest wanted = total > (has_all && is_alone ? most : most * 3 / 4) ? near : all;
  if (wanted == shared_.interest) return;
  const Interest before = shared_.interest;
  shared_.interest = wanted;
  next_sync_ = now;
  // Who moved to a group that is followed again is a member again.
  std::vector<Slot> outside;
  for (const Slot slot : shared_.view.vanished()) {
    const View::Member& member = shared_.view.at(slot);
    const bool has_moved =
        member.standing == Standing::kGone && member.record->doing != Doing::kGone;
    if (has_moved) outside.push_back(slot);
  }
  for (const Slot slot : outside) shared_.view.erase(slot);
  outside.clear();
  for (std::uint32_t group = before.first.value(); group <= before.last.value(); ++group) {
    if (!wanted.has(StageIndex{group})) shared_.view.list(StageIndex{group}, outside);
  }
  for (const Slot slot : outside) forget(slot, "its group is none of this node's");
}

void Membership::Impl::forget(Slot slot, const char* reason) {
  const NodeId id = shared_.view.at(slot).record->id;
  suspects_.clear(slot);
  detector_.settle(id);
  shared_.view.erase(slot);
  shared_.actions.push(MemberForgotten{id, reason});
}

void Membership::Impl::choose_via(TimePoint now) {
  const NodeRecord& self = *shared_.self;
  if (self.can_be_dialled || now < next_via_) return;
  const auto is_linked = [&](const NodeId& peer) { return shared_.links.has(peer); };
  const auto linked =
      static_cast<std::size_t>(std::count_if(self.via.begin(), self.via.end(), is_linked));
  constexpr std::size_t kEnough = 2;  // each change is news for all: not for one of three
  if (linked >= kEnough || shared_.links.all().size() <= linked) return;
  NodeRecord changed = self;
  std::erase_if(changed.via, [&](const NodeId& peer) { return !is_linked(peer); });
  for (const Link& link : shared_.links.all()) {
    if (changed.via.size() == limits::kMaxVia) break;
    const bool is_named =
        std::find(changed.via.begin(), changed.via.end(), link.peer) != changed.via.end();
    if (link.has_greeted && !is_named) changed.via.push_back(link.peer);
  }
  if (changed.via == self.via) return;
  next_via_ = now + kViaPause;
  say(now, std::move(changed), "it is reached through other peers");
}

std::size_t Membership::Impl::told_a_round() const {
  constexpr std::size_t kTurn = 6;  // rounds, at most, until each link had its turn
  const std::size_t links = shared_.links.all().size();
  return std::min(links, std::max<std::size_t>(shared_.options.fanout, links / kTurn));
}

std::uint32_t Membership::Impl::rounds_to_tell_all() const {
  constexpr std::size_t kSpare = 2;  // links come and go meanwhile
  const std::size_t a_round = std::max<std::size_t>(told_a_round(), 1);
  return static_cast<std::uint32_t>(shared_.links.all().size() / a_round + 1 + kSpare);
}

void Membership::Impl::spread(const RecordPtr& record, StageIndex former) {
  const StageIndex group = group_of(*record, shared_.options.stages);
  const std::uint64_t subject = prefix_of(record->id);
  shared_.rumours.supersede(subject, record->incarnation);
  shared_.rumours.push(
      {record, subject, 0, record->incarnation, group, former, speaker_, rounds_to_tell_all()});
}

void Membership::Impl::spread(const SuspicionPtr& suspicion, StageIndex observer, Slot subject) {
  const StageIndex group = shared_.view.at(subject).group;
  if (suspects_.observers(subject) > kTold && observer != group) return;
  shared_.rumours.push({suspicion, prefix_of(suspicion->subject), prefix_of(suspicion->observer),
                        suspicion->incarnation, group, group, speaker_, rounds_to_tell_all()});
}

void Membership::Impl::tell_at_once() {
  constexpr std::size_t kMostAtOnce = 16;
  std::size_t told = 0;
  for (const Link& link : shared_.links.all()) {
    if (told == kMostAtOnce) break;
    if (!link.has_greeted) continue;
    Gossip message{shared_.interest, {}, {}};
    shared_.rumours.take(link, message.rumours);
    if (message.rumours.empty()) continue;
    shared_.send(link.peer, std::move(message));
    ++told;
  }
}

void Membership::Impl::greet_again(TimePoint now) {
  for (const Link& link : shared_.links.all()) {
    if (link.has_greeted || now - link.up_at < shared_.options.silence) continue;
    shared_.send(link.peer, Hello{shared_.self, shared_.interest, {}});
  }
}

void Membership::Impl::gossip(TimePoint now) {
  const auto& links = shared_.links.all();
  const std::size_t count = told_a_round();
  const bool has_summaries = round_ % shared_.options.summary_rounds == 0;
  greet_again(now);
  for (std::size_t i = 0; i < count; ++i) {
    next_link_ = (next_link_ + 1) % links.size();
    const Link& link = links[next_link_];
    if (!link.has_greeted) continue;
    Gossip message{shared_.interest, {}, {}};
    shared_.rumours.take(link, message.rumours);
    if (has_summaries && i == 0) message.summaries = summaries_.list(now);
    shared_.send(link.peer, std::move(message));
  }
  shared_.rumours.end_round();
}

void Membership::Impl::sync(TimePoint now) {
  if (now < next_sync_ && !reconciler_.is_unfinished()) return;
  // In turn with a random peer, and with one that has the most groups in common: a node whose links
  // lead elsewhere would else wait long for news of a group that few of its peers follow.
  const auto& links = shared_.links.all();
  const std::size_t first = links.empty() ? 0 : shared_.random.below(links.size());
  const bool is_any_good = is_next_sync_random_;
  const Link* best = nullptr;
  for (std::size_t i = 0; i < links.size(); ++i) {
    const Link& link = links[(first + i) % links.size()];
    if (!link.has_greeted || !link.interest.meets(shared_.interest)) continue;
    if (best && link.interest.common(shared_.interest) <= best->interest.common(shared_.interest)) {
      continue;
    }
    best = &link;
    if (is_any_good) break;
  }
  if (!best) return;
  is_next_sync_random_ = !is_any_good;
  reconciler_.restart();
  reconciler_.begin(*best);
  next_sync_ = now + shared_.options.sync_interval;
}

Status Membership::Impl::status(TimePoint now) const {
  Status status;
  status.self = shared_.self;
  status.interest = shared_.interest;
  status.present = shared_.view.present_count();
  status.suspected = static_cast<std::uint32_t>(suspects_.size());
  status.remembered = static_cast<std::uint32_t>(shared_.view.vanished().size());
  status.links = static_cast<std::uint32_t>(shared_.links.all().size());
  status.dials = static_cast<std::uint32_t>(shared_.dials.under_way());
  status.rumours = static_cast<std::uint32_t>(shared_.rumours.size());
  status.members = summaries_.total(now);
  status.refused = refused_;
  status.renewals = renewals_;
  status.strain = shared_.strain;
  return status;
}

Membership::Membership(const Options& options, TimePoint now)
    : impl_(std::make_unique<Impl>(options, now)) {}
Membership::~Membership() = default;
Membership::Membership(Membership&&) noexcept = default;
Membership& Membership::operator=(Membership&&) noexcept = default;

void Membership::handle(TimePoint now, const Event& event) {
  impl_->begin(now);
  std::visit([&](const auto& what) { impl_->on(now, what); }, event);
}
std::optional<Action> Membership::poll_action() {
  return impl_->poll_action();
}
TimePoint Membership::next_wakeup() const {
  return impl_->next_wakeup();
}
const View& Membership::view() const {
  return impl_->view();
}
Summary Membership::summary(TimePoint now, StageIndex stage) const {
  return impl_->summary(now, stage);
}
Status Membership::status(TimePoint now) const {
  return impl_->status(now);
}

}  // namespace brigade::swarm::membership

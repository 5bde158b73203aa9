// The core of a node in a swarm with replicas: composes the parts, as line_core.cpp does for a
// line. There is one epoch and no agreement on it: a node is told what to start from, restores,
// says that it is ready, and works.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "swarm/averager.hpp"
#include "swarm/core.hpp"
#include "swarm/draw.hpp"
#include "swarm/herald.hpp"
#include "swarm/link_wishes.hpp"
#include "swarm/load_meter.hpp"
#include "swarm/mender.hpp"
#include "swarm/nuisance.hpp"
#include "swarm/snapshot_keeper.hpp"
#include "swarm/workbench.hpp"

namespace brigade::swarm {
namespace {

constexpr const char* kWindowReason = "as many replicas as there are, shared by the heads";

constexpr double kLeastWindow = 2;
constexpr double kMostQuicker = 8;        // another head, as far as it is believed
constexpr std::uint32_t kNoticeable = 8;  // of a window that changes: less is left alone

Options with_head(Options options) {
  options.head = HeadIndex{options.instance};
  return options;
}

/// Who draws goes by the position of the whole swarm, not by what it drew itself.
Options without_end(Options options) {
  options.steps = 0;
  return options;
}

class ReplicaCore : public Core {
 public:
  ReplicaCore(const Options& options, StartState start, TimePoint now)
      : shared_(with_head(options)),
        evaluation_(options),
        peers_(options),
        finder_(options, peers_),
        relay_(shared_, evaluation_, peers_, finder_),
        mender_(shared_, relay_, peers_, finder_),
        wishes_(shared_, relay_, peers_),
        workbench_(shared_, relay_),
        averager_(shared_, peers_),
        keeper_(shared_.options, std::move(start.checkpoints)),
        draw_(without_end(shared_.options)),
        window_(options.window),
        load_meter_(options.stage, shared_.is_tail(), options.accumulate),
        herald_(shared_, peers_, relay_, now) {
    BRIGADE_CHECK(options.stages >= 1 && options.stages <= limits::kMaxStages &&
                  options.stage.value() < options.stages);
    BRIGADE_CHECK(options.schedule == Schedule::kAsync && !options.lock_step);
    BRIGADE_CHECK(options.window <= limits::kMaxWindow && options.accumulate > 0 &&
                  options.accumulate <= limits::kMaxWindow);
    constexpr Duration kNone{0};
    BRIGADE_CHECK(options.receipt_deadline > kNone && options.gradient_deadline > kNone &&
                  options.longest_pause > kNone && options.beacon_interval > kNone);
    BRIGADE_CHECK(options.forget_after > 10 * options.beacon_interval);
    shared_.epoch.epoch = options.epoch;
  }

  void handle(TimePoint now, const Event& event) override {
    if (herald_.is_time(now)) {  // after a pause of this machine too: leases come first
      peers_.on_time(now, herald_.next());
      mender_.expire(now);
    }
    relay_.set_view({is_open(), load_meter_.pace()});
    std::visit([&](const auto& happened) { on(now, happened); }, event);
    settle(now);
  }
  std::optional<Action> poll_action() override { return shared_.actions.poll(); }
  TimePoint next_wakeup() const override {
    return std::min({relay_.next_due(), averager_.next_due(), keeper_.next_due(), herald_.next(),
                     over_ == nullptr ? stop_deadline_ : kNever});
  }
  Status status() const override;
  std::vector<Given> given(TimePoint now) const override { return finder_.given(now); }

 private:
  void on(TimePoint, const Tick&) {}
  void on(TimePoint now, const LinkUp& event) {
    if (peers_.on_up(now, {event.peer, event.instance}, event.stage)) {
      herald_.tell(now, event.peer, self());
    }
  }
  void on(TimePoint, const LinkDown& event) { peers_.on_down(event.peer); }
  void on(TimePoint now, const Received& event) {
    peers_.on_heard(now, event.from);
    std::visit([&](const auto& message) { receive(now, event.from, message); }, event.message);
    if (relay_.take_use()) return;
    const bool has_bytes = std::holds_alternative<Forward>(event.message) ||
                           std::holds_alternative<Backward>(event.message);
    if (!nuisance_.note(now, event.from, has_bytes ? Nuisance::kRepeat : 1)) return;
    shared_.actions.push(Misbehaved{
        event.from, has_bytes ? "it repeats itself without end" : "a flood of messages"});
  }
  void on(TimePoint now, const ForwardDone& event) { workbench_.on(now, event); }
  void on(TimePoint now, const BackwardDone& event) { workbench_.on(now, event); }
  void on(TimePoint now, const InputRejected& event) { workbench_.on(now, event); }
  void on(TimePoint, const UpdateDone& event) { workbench_.on(event); }
  void on(TimePoint, const SnapshotTaken& event) { workbench_.on(event); }
  void on(TimePoint, const StartFrom& event);
  void on(TimePoint now, const RestoreDone& event);
  void on(TimePoint, const ReplicasCounted& event) {
    told_ = event;
    count_replicas();
    if (shared_.is_head()) find_window();
  }
  void on(TimePoint now, const SnapshotStored& event) {
    remove(keeper_.on_stored(now, event.checkpoint, event.succeeded));
  }
  void on(TimePoint, const CheckpointFound& event) { remove(keeper_.on_found(event.checkpoint)); }
  void on(TimePoint now, const ShareTaken& event) {
    workbench_.on(event);
    averager_.on(now, event);
  }
  void on(TimePoint, const Blended& event) {
    workbench_.on(event);
    averager_.on(event);
  }
  void on(TimePoint, const StopRequested& event) {
    is_stopping_ = true;
    herald_.on_news();
    stop_deadline_ = std::min(stop_deadline_, event.deadline);
    relay_.set_view({is_open(), load_meter_.pace()});  // nothing is offered any more
  }

  template <class AboutMicrobatch>
  void receive(TimePoint now, const NodeId& from, const AboutMicrobatch& message) {
    relay_.on(now, from, message);
  }
  void receive(TimePoint now, const NodeId& from, const PathRequest& message) {
    if (over_ == nullptr) mender_.on(now, from, message);  // who has left adopts nothing
  }
  void receive(TimePoint now, const NodeId& from, const NodeBeacon& beacon) {
    const bool is_sane = beacon.gone.size() <= limits::kMaxGoneTold &&
                         beacon.floors.size() <= limits::kMaxFloorsTold &&
                         beacon.offer.path.size() <= shared_.options.stages;
    if (!is_sane) return shared_.actions.push(Misbehaved{from, "a beacon that can't be"});
    peers_.on_beacon(now, from, beacon);
    const PeerBook::Peer* peer = peers_.find(from);
    if (peer == nullptr || peer->stage.next() != shared_.options.stage) return;
    const bool is_at_first = shared_.options.stage == StageIndex{1};
    for (const NodeBeacon::Floor& floor : beacon.floors) {  // down the line alone: old news ends
      // A head that is heard here speaks for itself.
      const bool is_of_another = is_at_first && floor.head.value() != peer->holder.instance;
      if (is_of_another && peers_.hears(floor.head.value())) continue;
      relay_.note_floor(now - floor.age, floor.head, floor.sequence);
    }
  }
  void receive(TimePoint, const NodeId& from, const Share& share) {
    averager_.on(from, share, is_open());
  }
  void receive(TimePoint, const NodeId& from, const UpBeacon&) { blame_line(from); }
  void receive(TimePoint, const NodeId& from, const DownBeacon&) { blame_line(from); }
  void blame_line(const NodeId& from) {
    shared_.actions.push(Misbehaved{from, "a beacon of a line without replicas"});
  }

  void settle(TimePoint now);
  void count_replicas();
  void steer();
  bool has_steps_left() const;
  bool is_evaluator() const;
  void find_window();
  bool has_way(TimePoint now) const;
  bool draw(TimePoint now);
  bool draw_evaluation(TimePoint now);
  void open(TimePoint now, MicrobatchId::Kind kind, Sequence sequence);
  void feed_engine(TimePoint now);
  bool start_averaging();
  void keep();
  void remove(const std::vector<CheckpointId>& checkpoints);
  void leave_if_done(TimePoint now);
  void note_load(TimePoint now);
  Herald::Self self() const;
  void report_phase();

  std::uint64_t position() const { return shared_.stage_position.told(); }
  bool is_open() const { return workbench_.is_restored() && !is_stopping_ && over_ == nullptr; }
  Phase phase() const;
  const char* waiting_for() const;

  Shared shared_;
  Evaluation evaluation_;
  PeerBook peers_;
  PathFinder finder_;
  Relay relay_;
  Mender mender_;
  LinkWishes wishes_;
  Workbench workbench_;
  Averager averager_;
  SnapshotKeeper keeper_;
  Draw draw_;
  std::uint32_t window_;
  LoadMeter load_meter_;
  Nuisance nuisance_;
  Herald herald_;
  std::uint32_t in_flight_ = 0;  // when last looked
  ReplicasCounted told_;
  bool is_started_ = false;
  bool has_failed_to_start_ = false;
  bool is_stopping_ = false;
  TimePoint stop_deadline_ = kNever;
  const char* over_ = nullptr;
  const char* waiting_for_draw_ = "";
  const char* path_reason_ = "";
  Phase reported_phase_ = Phase::kGathering;
};

// ---- what its weights start from ----------------------------------------------------------------

void ReplicaCore::on(TimePoint, const StartFrom& event) {
  if (is_started_ || over_ != nullptr) return;
  is_started_ = true;
  shared_.epoch.from = event.checkpoint;
  workbench_.enter_epoch();
}

void ReplicaCore::on(TimePoint now, const RestoreDone& event) {
  workbench_.on(event);
  is_started_ = event.succeeded;
  has_failed_to_start_ = !event.succeeded;
  if (event.succeeded) {
    shared_.stage_position.start(event.checkpoint.position);
    keeper_.on_restored(event.checkpoint);
    relay_.take_over(now, event.kept);
    evaluation_.restart(event.checkpoint.position);
    relay_.set_view({is_open(), load_meter_.pace()});  // its beacon offers a path at once
  }
  herald_.on_news();
}

// ---- what follows -------------------------------------------------------------------------------

void ReplicaCore::settle(TimePoint now) {
  note_load(now);
  relay_.drop_abandoned(now);
  relay_.on_time(now);
  averager_.on_time(now);
  keeper_.on_time(now);
  const bool is_time = herald_.is_time(now);
  if (is_time) relay_.settle_floors(now);
  if (is_time) relay_.recount(now);
  const bool has_changed = peers_.take_change();
  if (has_changed || is_time || relay_.take_trouble()) {
    mender_.tend(now);
    wishes_.update();
  }
  if (peers_.take_loss()) herald_.on_news();
  if (has_changed) count_replicas();
  if (shared_.is_head()) {
    if (has_changed || is_time) find_window();
    if (has_changed || is_stopping_) evaluation_.set_duty(is_evaluator());
    steer();
  }
  leave_if_done(now);
  feed_engine(now);
  note_load(now);
  const std::uint32_t in_flight = shared_.ledger.counts().in_flight;
  const bool has_moved = std::exchange(in_flight_, in_flight) != in_flight;
  herald_.tell_if_due(now, self(), has_changed || has_moved);
  report_phase();
}

void ReplicaCore::count_replicas() {
  if (shared_.options.average_every == 0) return;  // nothing of theirs comes into these weights
  const StageIndex own = shared_.options.stage;
  const std::uint32_t linked = peers_.linked_at(own);
  const auto ready = static_cast<std::uint32_t>(peers_.ready_at(own).size());
  shared_.stage_position.set_replicas(told_.replicas > 1 + linked ? told_.replicas : 1 + ready);
}

void ReplicaCore::steer() {
  if (over_ != nullptr || !workbench_.is_restored()) return;
  if (has_steps_left()) {
    evaluation_.on_applied(position());
  } else if (shared_.ledger.counts().in_flight == 0 && !is_stopping_) {
    evaluation_.start_final(position());
  }
  if (const auto report = evaluation_.take_report()) shared_.actions.push(*report);
}

bool ReplicaCore::has_steps_left() const {
  const std::uint64_t steps = shared_.options.steps;
  return steps == 0 || position() + shared_.ledger.counts().in_flight < steps;
}

/// Of the heads that know each other one evaluates: all have about the same weights.
bool ReplicaCore::is_evaluator() const {
  const auto others = peers_.ready_at(shared_.options.stage);
  return !is_stopping_ && (others.empty() || shared_.options.self < others.front()->holder.node);
}

/// Where no window is given: places for each replica of every stage, as many as the stage after
/// has, and of those each head the part that it is quick.
void ReplicaCore::find_window() {
  const Options& options = shared_.options;
  if (options.window > 0) return;
  const auto others = peers_.ready_at(options.stage);
  const auto linked = static_cast<double>(peers_.ready_at(options.stage.next()).size());
  const double heads = std::max<double>(told_.replicas, 1 + static_cast<double>(others.size()));
  const double after = std::max({static_cast<double>(told_.after), linked, 1.0});
  const double own = rate_of(load_meter_.pace());
  double rates = own;
  double known = own > 0 ? 1 : 0;
  for (const PeerBook::Peer* other : others) {  // what others say is a claim
    rates += std::min(rate_of(other->offer.pace), kMostQuicker * own);
    known += other->offer.pace > Duration::zero() ? 1 : 0;
  }
  const double quickness = own > 0 ? own * known / rates : 1;
  const double wanted = kPlacesOfAReplica * options.stages * after / heads;
  const auto window = static_cast<std::uint32_t>(
      std::clamp<double>(std::ceil(wanted * quickness), kLeastWindow, limits::kMaxWindow));
  const std::uint32_t change = window > window_ ? window - window_ : window_ - window;
  if (window_ > 0 && change <= window_ / kNoticeable) return;
  window_ = window;
  draw_.set_window(window);
  shared_.actions.push(WindowChanged{window, 0, kWindowReason});
}

bool ReplicaCore::has_way(TimePoint now) const {
  return shared_.is_tail() || !finder_.choose(now).path.empty();
}

bool ReplicaCore::draw(TimePoint now) {
  if (!shared_.is_head() || over_ != nullptr) return false;
  if (draw_evaluation(now)) return true;
  if (!has_steps_left()) {
    waiting_for_draw_ = "what is in flight: all steps are drawn";
    return false;
  }
  const Ledger::Counts counts = shared_.ledger.counts();
  const std::uint32_t suspended = relay_.suspended();
  Draw::View view;
  view.is_ready = is_open() && suspended < limits::kMaxSuspended && has_way(now);
  view.is_stopping = is_stopping_;
  view.in_flight = counts.in_flight - std::min(suspended, counts.in_flight);
  view.evaluations = counts.evaluations;
  view.watermark = shared_.ledger.watermark(shared_.options.head).value();
  const Draw::Decision decision = draw_.decide(view);
  waiting_for_draw_ = decision.reason;
  if (!decision.draws || counts.in_flight >= shared_.options.most_in_flight) return false;
  open(now, MicrobatchId::Kind::kTrain, draw_.take().sequence);
  return true;
}

bool ReplicaCore::draw_evaluation(TimePoint now) {
  const bool may_send = is_open() && evaluation_.has_batch_to_send() &&
                        shared_.ledger.counts().evaluations < window_ && has_way(now);
  if (may_send) open(now, MicrobatchId::Kind::kEval, evaluation_.take_batch());
  return may_send;
}

void ReplicaCore::open(TimePoint now, MicrobatchId::Kind kind, Sequence sequence) {
  const Options& options = shared_.options;
  PathFinder::Choice choice = finder_.choose(now);
  path_reason_ = choice.reason;
  Path path;
  path.holders = std::move(choice.path);
  path.holders.insert(path.holders.begin(), Holder{options.self, options.instance});
  path.given = 1;
  path.floor = shared_.ledger.watermark(options.head);
  const Slot slot = relay_.open(now, {options.epoch, options.head, sequence, kind}, path);
  shared_.tasks.push_forward(slot, shared_.ledger[slot]);
}

void ReplicaCore::feed_engine(TimePoint now) {
  if (workbench_.is_computing()) return;
  keep();
  if (workbench_.start_due()) return;
  if (!workbench_.has_just_averaged() && start_averaging()) return;
  if (shared_.tasks.wants_draw()) draw(now);
  while (!workbench_.start_queued()) {
    if (draw(now)) continue;
    start_averaging();
    return;
  }
  if (workbench_.is_forwarding()) mender_.reconsider(now, workbench_.slot());
}

bool ReplicaCore::start_averaging() {
  if (!workbench_.is_restored() || over_ != nullptr) return false;
  auto task = averager_.next_task({is_open(), workbench_.version(), workbench_.in_weights()});
  if (task) workbench_.start_averaging(std::move(*task));
  return task.has_value();
}

/// Right after an update, and the engine free.
void ReplicaCore::keep() {
  if (!workbench_.is_at_cut() || over_ != nullptr) return;
  const auto checkpoint =
      workbench_.is_winding_up() ? keeper_.last(position()) : keeper_.next(position());
  if (checkpoint) workbench_.snapshot(*checkpoint);
}

void ReplicaCore::remove(const std::vector<CheckpointId>& checkpoints) {
  for (const CheckpointId& checkpoint : checkpoints) {
    shared_.actions.push(RemoveCheckpoint{checkpoint});
  }
}

void ReplicaCore::leave_if_done(TimePoint now) {
  if (!is_stopping_ || over_ != nullptr) return;
  const Ledger::Counts counts = shared_.ledger.counts();
  const bool is_empty =
      counts.in_flight == 0 && counts.kept_gradients == 0 && counts.evaluations == 0;
  const bool is_late = now >= stop_deadline_;
  if (!is_empty && !is_late) return workbench_.go_on();  // an orphan may come while it stores
  workbench_.wind_up();
  const bool is_saved = workbench_.is_at_cut() && keeper_.is_settled(position());
  if (!is_late && !is_saved && workbench_.is_restored()) return;
  over_ = is_empty ? "drained" : "the time to stop is up: what it holds is given to others";
  relay_.finish();
  averager_.stop();
  herald_.on_news();
}

void ReplicaCore::note_load(TimePoint now) {
  using Work = LoadMeter::Work;
  Work work = Work::kNone;
  if (workbench_.is_restored() && workbench_.is_computing())
    work = workbench_.is_forwarding() ? Work::kForward : Work::kOther;
  load_meter_.note(now, work, workbench_.in_weights());
}

Herald::Self ReplicaCore::self() const {
  return {workbench_.is_restored(), is_stopping_, over_ != nullptr, load_meter_.pace()};
}

// ---- what others see ----------------------------------------------------------------------------

Phase ReplicaCore::phase() const {
  if (over_ != nullptr) return Phase::kOver;
  if (!is_started_) return Phase::kGathering;
  if (!workbench_.is_restored()) return Phase::kRestoring;
  return is_stopping_ ? Phase::kDraining : Phase::kTraining;
}

void ReplicaCore::report_phase() {
  if (phase() == reported_phase_) return;
  reported_phase_ = phase();
  const char* reason = "what it was to start from could not be restored";
  if (reported_phase_ == Phase::kRestoring) reason = "it was told what to start from";
  if (reported_phase_ == Phase::kTraining) reason = "it has restored";
  if (reported_phase_ == Phase::kDraining) reason = "asked to stop";
  if (reported_phase_ == Phase::kOver) reason = over_;
  shared_.actions.push(
      PhaseChanged{reported_phase_, shared_.options.epoch, shared_.epoch.from, reason});
}

const char* ReplicaCore::waiting_for() const {
  if (workbench_.is_computing()) return "";
  if (over_ != nullptr) return over_;
  if (has_failed_to_start_) return "another checkpoint to start from: that one was not restored";
  if (!is_started_) return "to be told what its weights start from";
  return shared_.is_head() ? waiting_for_draw_ : workbench_.waiting_for();
}

Status ReplicaCore::status() const {
  Status status;
  workbench_.fill(status);
  status.phase = phase();
  status.epoch = shared_.options.epoch;
  status.position = position();
  status.window = shared_.is_head() ? window_ : 0;
  status.window_smoothed = status.window;
  status.window_reason = shared_.options.window > 0 ? "set by run.window" : kWindowReason;
  status.repeats = relay_.repeats();
  status.duplicates = relay_.duplicates();
  status.handed_back = shared_.ledger.handed_back();
  status.taken = status.drawn + status.handed_back;
  status.written_off = relay_.written_off();
  status.kept_gradients += relay_.kept_unasked();
  status.evaluations = shared_.ledger.counts().evaluations;
  status.suspended = relay_.suspended();
  status.averaged = averager_.averaged();
  status.average_failed = averager_.failed();
  status.is_averaging = averager_.is_busy();
  status.path_reason = path_reason_;
  status.waiting_for = waiting_for();
  return status;
}

}  // namespace

std::unique_ptr<Core> make_replica_core(const Options& options, StartState start, TimePoint now) {
  return std::make_unique<ReplicaCore>(options, std::move(start), now);
}

}  // namespace brigade::swarm

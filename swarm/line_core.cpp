#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "swarm/beacon_post.hpp"
#include "swarm/checkpoint_book.hpp"
#include "swarm/core.hpp"
#include "swarm/exchange.hpp"
#include "swarm/helm.hpp"
#include "swarm/line_session.hpp"
#include "swarm/load_meter.hpp"
#include "swarm/shared.hpp"
#include "swarm/workbench.hpp"

namespace brigade::swarm {
namespace {

/// Composes the parts: hands each event to the part that it concerns, then lets everything follow
/// that follows (settle), always in the same order.
class LineCore : public Core {
 public:
  LineCore(const Options& options, StartState start, TimePoint now)
      : shared_(options),
        evaluation_(options),
        exchange_(shared_, evaluation_),
        workbench_(shared_, exchange_),
        helm_(shared_, evaluation_),
        session_(options, start.max_epoch),
        book_(options, std::move(start.checkpoints)),
        post_(options, now),
        load_meter_(options.stage, options.stage.next().value() == options.stages,
                    options.accumulate),
        created_at_(now) {
    BRIGADE_CHECK(options.stages > 0 && options.stages <= limits::kMaxStages &&
                  options.stage.value() < options.stages);
    BRIGADE_CHECK(options.window <= limits::kMaxWindow && options.accumulate > 0 &&
                  options.accumulate <= limits::kMaxWindow);
    constexpr Duration kNone{0};
    BRIGADE_CHECK(options.receipt_deadline > kNone && options.gradient_deadline > kNone &&
                  options.longest_pause > kNone && options.beacon_interval > kNone);
  }

  void handle(TimePoint now, const Event& event) override {
    shared_.load = load_meter_.line(now);
    std::visit([&](const auto& happened) { on(now, happened); }, event);
    settle(now);
  }
  std::optional<Action> poll_action() override { return shared_.actions.poll(); }
  TimePoint next_wakeup() const override;
  Status status() const override;

 private:
  void on(TimePoint, const Tick&) {}
  void on(TimePoint now, const LinkUp& event);
  void on(TimePoint now, const LinkDown& event);
  void on(TimePoint now, const Received& event);
  void on(TimePoint now, const ForwardDone& event) { workbench_.on(now, event); }
  void on(TimePoint now, const BackwardDone& event) { workbench_.on(now, event); }
  void on(TimePoint now, const InputRejected& event) { workbench_.on(now, event); }
  void on(TimePoint, const UpdateDone& event) { workbench_.on(event); }
  void on(TimePoint, const SnapshotTaken& event) { workbench_.on(event); }
  void on(TimePoint now, const RestoreDone& event);
  void on(TimePoint now, const SnapshotStored& event);
  void on(TimePoint now, const CheckpointFound& event);
  void on(TimePoint, const ShareTaken&) {}  // of replicas, like the next two
  void on(TimePoint, const Blended&) {}
  void on(TimePoint, const StartFrom&) {}
  void on(TimePoint, const ReplicasCounted&) {}
  void on(TimePoint now, const StopRequested& event);

  template <class AboutMicrobatch>
  void receive(TimePoint now, const NodeId& from, const AboutMicrobatch& message) {
    exchange_.on(now, from, message);
  }
  void receive(TimePoint now, const NodeId& from, const Backward& message);
  void hear(TimePoint now, const NodeId& from, const Load& load);
  void receive(TimePoint, const NodeId& from, const UpBeacon& beacon) {
    hear(after(), from, beacon);
  }
  void receive(TimePoint, const NodeId& from, const DownBeacon& beacon) {
    hear(before(), from, beacon);
  }
  void receive(TimePoint, const NodeId& from, const NodeBeacon&) { blame_replica(from); }
  void receive(TimePoint, const NodeId& from, const PathRequest&) { blame_replica(from); }
  void receive(TimePoint, const NodeId& from, const Share& share) {
    Payload payload = share.payload;
    shared_.actions.release(payload);
    blame_replica(from);
  }
  void blame_replica(const NodeId& from) {
    shared_.actions.push(Misbehaved{from, "a message of replicas in a line"});
  }
  template <class Beacon>
  void hear(StageIndex stage, const NodeId& from, const Beacon& beacon);

  void settle(TimePoint now);
  void agree_on_epoch();
  void enter(const LineSession::Verdict& verdict);
  void learn_from_before();
  void set_final_position(std::uint64_t position);
  void take_checkpoint(TimePoint now);
  void leave_in_time(TimePoint now);
  void steer(TimePoint now);
  void commit();
  void end(const char* reason);
  void feed_engine();
  void note_load(TimePoint now);
  void tell_neighbours(TimePoint now);
  void report_phase();
  void remove(const std::vector<CheckpointId>& checkpoints);

  // Of the head and the tail: a stage that nobody hosts.
  StageIndex before() const { return StageIndex{shared_.options.stage.value() - 1}; }
  StageIndex after() const { return shared_.options.stage.next(); }
  bool is_drained() const;
  bool note_drained();
  bool is_asked_to_stop() const { return is_stopping_ || session_.wants_stop_after(); }
  LineSession::Own own() const {
    return {book_.offers(), shared_.position(), is_drained(), is_stopping_, book_.settled_below()};
  }
  DownBeacon news() const;
  Phase phase() const;
  const char* waiting_for() const;

  Shared shared_;
  Evaluation evaluation_;
  Exchange exchange_;
  Workbench workbench_;
  Helm helm_;
  LineSession session_;
  CheckpointBook book_;
  BeaconPost post_;
  LoadMeter load_meter_;
  std::uint64_t in_weights_ = 0;  // micro-batches of this epoch
  TimePoint created_at_;

  bool has_news_ = true;  // something that beacons or the session's verdict depend on has changed
  bool was_drained_ = false;
  bool is_stopping_ = false;  // this node was asked to
  bool is_hasty_ = false;     // … and the deadline has passed
  TimePoint stop_deadline_ = kNever;
  bool is_run_over_ = false;         // the head says so; not when this node alone leaves
  const char* over_ = nullptr;       // why, once the run is over here
  const char* session_reason_ = "";  // why the session stands where it does
  bool is_blocked_ = false;
  Phase reported_phase_ = Phase::kGathering;
  Epoch reported_epoch_;
};

// ---- events -------------------------------------------------------------------------------------

void LineCore::on(TimePoint now, const LinkUp& event) {
  if (!shared_.router.on_up(event.peer, event.stage)) return;
  if (event.stage == after()) session_.lose_after();
  exchange_.on_link_up(now, event.stage);
  post_.on_link_up();
  has_news_ = true;
}

void LineCore::on(TimePoint now, const LinkDown& event) {
  const auto stage = shared_.router.on_down(event.peer);
  if (!stage) return;
  if (*stage == after()) session_.lose_after();
  exchange_.on_link_down(event.peer);
  const bool has_another = shared_.router.choose(*stage).peer != nullptr;
  if (has_another) exchange_.on_link_up(now, *stage);
  has_news_ = true;
}

void LineCore::on(TimePoint now, const Received& event) {
  std::visit([&](const auto& message) { receive(now, event.from, message); }, event.message);
}

void LineCore::receive(TimePoint now, const NodeId& from, const Backward& message) {
  const NodeId* chosen = shared_.router.choose(after()).peer;
  const bool is_current = message.id.epoch == session_.epoch();
  if (chosen != nullptr && *chosen == from && is_current) hear(now, from, message.load);
  exchange_.on(now, from, message);
}

void LineCore::hear(TimePoint now, const NodeId& from, const Load& load) {
  if (load == Load{}) return;  // it says nothing
  const bool is_sane = load.stage >= after() && load.stage.value() < shared_.options.stages &&
                       load.pace >= Duration::zero() && load.computing >= Duration::zero() &&
                       load.computing <= load.elapsed;
  if (!is_sane) return shared_.actions.push(Misbehaved{from, "a load that can't be"});
  load_meter_.hear(load);
  shared_.load = load_meter_.line(now);
}

template <class Beacon>
void LineCore::hear(StageIndex stage, const NodeId& from, const Beacon& beacon) {
  if (!shared_.router.is_peer_of(from, stage)) {
    return shared_.actions.push(Misbehaved{from, "a beacon from a peer that is not a neighbour"});
  }
  if (*shared_.router.choose(stage).peer != from) return;  // of several the one that is used counts
  if (!session_.hear(beacon)) shared_.actions.push(Misbehaved{from, "a beacon that can't be"});
  has_news_ = true;
}

void LineCore::on(TimePoint, const RestoreDone& event) {
  const bool is_current = workbench_.on(event);
  if (!event.succeeded) book_.drop(event.checkpoint);
  has_news_ = true;
  if (!is_current) return;
  session_.on_restored(event.succeeded);
  if (!event.succeeded) shared_.epoch = EpochInfo{};
}

void LineCore::on(TimePoint, const CheckpointFound& event) {
  remove(book_.on_found(event.checkpoint));
  has_news_ = true;
}

void LineCore::on(TimePoint now, const SnapshotStored& event) {
  book_.on_stored(now, event.checkpoint, event.succeeded);
  has_news_ = true;
}

void LineCore::on(TimePoint, const StopRequested& event) {
  is_stopping_ = true;
  stop_deadline_ = std::min(stop_deadline_, event.deadline);
  has_news_ = true;
}

// ---- what follows -------------------------------------------------------------------------------

void LineCore::settle(TimePoint now) {
  note_load(now);
  exchange_.on_time(now);
  do {
    if (has_news_) {
      agree_on_epoch();
      learn_from_before();
    }
    take_checkpoint(now);
    leave_in_time(now);
    if (shared_.is_head()) steer(now);
    feed_engine();
  } while (note_drained());  // what follows from that can't wait: a line of one hears no beacons
  note_load(now);
  tell_neighbours(now);
  report_phase();
}

void LineCore::agree_on_epoch() {
  if (over_ != nullptr) return;
  if (is_stopping_ && session_.epoch() == Epoch{}) return end("asked to stop before it began");
  const LineSession::Verdict verdict = session_.decide(own());
  session_reason_ = verdict.reason;
  is_blocked_ = verdict.kind == LineSession::Verdict::Kind::kBlocked;
  if (verdict.kind == LineSession::Verdict::Kind::kEnter) enter(verdict);
}

void LineCore::enter(const LineSession::Verdict& verdict) {
  session_.enter(verdict);
  shared_.epoch = EpochInfo{verdict.epoch, verdict.from, std::nullopt};
  workbench_.enter_epoch();
  book_.restart(verdict.epoch, verdict.from);
  helm_.enter_epoch();
  load_meter_.restart();
  in_weights_ = 0;
}

void LineCore::learn_from_before() {
  const auto& before = session_.before();
  if (!before) return;
  if (before->is_over) {
    is_run_over_ = true;
    end("the head says that the run is over");
  }
  if (before->epoch != session_.epoch()) return;
  remove(book_.commit(before->committed));
  remove(book_.make_room(before->settled));
  if (before->final_position) set_final_position(*before->final_position);
}

void LineCore::set_final_position(std::uint64_t position) {
  EpochInfo& info = shared_.epoch;
  if (info.final_count || position < shared_.position()) return;
  info.final_count = position - info.from.position;
  shared_.tasks.end_after(*info.final_count);
  has_news_ = true;
}

bool LineCore::is_drained() const {
  const auto& final_count = shared_.epoch.final_count;
  return final_count && workbench_.is_at_cut() && shared_.ledger.watermark() >= *final_count;
}

/// True if it has changed since the last call.
bool LineCore::note_drained() {
  if (was_drained_ == is_drained()) return false;
  was_drained_ = !was_drained_;
  has_news_ = true;
  return true;
}

void LineCore::take_checkpoint(TimePoint now) {
  if (over_ != nullptr || !workbench_.is_at_cut()) return;
  const auto id = book_.next(now, shared_.position(), is_hasty_ || is_drained());
  if (id) workbench_.snapshot(*id);
}

/// At the deadline of a stop the newest cut of this stage is saved, whatever the line does.
void LineCore::leave_in_time(TimePoint now) {
  if (over_ != nullptr || now < stop_deadline_) return;
  if (!std::exchange(is_hasty_, true)) {
    workbench_.wind_up();
    take_checkpoint(now);
  }
  if (!workbench_.is_restored()) return end("the time to stop is up; nothing was begun");
  if (!workbench_.is_at_cut() || !book_.is_settled(shared_.position())) return;
  end(book_.has_failed() ? "the time to stop is up; the newest cut could not be stored"
                         : "the time to stop is up; the newest cut is saved");
}

/// The head's part: what is drawn and evaluated, what is committed, when it is over.
void LineCore::steer(TimePoint now) {
  if (over_ != nullptr || !session_.is_sealed()) return;
  Helm::View& view = helm_.view();
  view.is_stopping = is_asked_to_stop();
  view.is_ready = !is_hasty_;
  view.is_at_cut = workbench_.is_at_cut();
  view.is_line_drained = is_drained() && session_.is_drained_after();
  if (const auto final_position = helm_.steer()) set_final_position(*final_position);
  if (has_news_) commit();
  helm_.watch(now);
  const bool is_saved =
      shared_.epoch.final_count && book_.committed().position == shared_.epoch.final_position();
  if (!is_saved || !helm_.is_done()) return;
  is_run_over_ = true;
  end(helm_.has_steps_left() ? "stopped as asked" : "complete");
}

/// The newest checkpoint of this epoch that is sound at every stage.
void LineCore::commit() {
  const std::vector<CheckpointId> common = session_.common(own());
  const bool is_new = !common.empty() && common.front().epoch == session_.epoch() &&
                      common.front() > book_.committed();
  if (is_new) {
    remove(book_.commit(common.front()));
    shared_.actions.push(Committed{common.front()});
  }
  remove(book_.make_room(session_.settled(own())));
}

void LineCore::end(const char* reason) {
  if (over_ != nullptr) return;
  over_ = reason;
  if (is_run_over_) exchange_.finish();
  workbench_.wind_up();
  has_news_ = true;
}

void LineCore::feed_engine() {
  if (workbench_.is_computing() || workbench_.start_due()) return;
  const bool may_draw = shared_.is_head() && over_ == nullptr && session_.is_sealed();
  if (may_draw && shared_.tasks.wants_draw()) helm_.draw();
  while (!workbench_.start_queued()) {
    if (!may_draw || !helm_.draw()) return;
  }
}

/// The engine does until the next event what it does now.
void LineCore::note_load(TimePoint now) {
  using Work = LoadMeter::Work;
  Work work = Work::kNone;
  if (workbench_.is_restored() && workbench_.is_computing())  // else what it does is of no epoch
    work = workbench_.is_forwarding() ? Work::kForward : Work::kOther;
  if (workbench_.is_at_cut()) in_weights_ = shared_.ledger.counts().applied;
  load_meter_.note(now, work, in_weights_);
}

void LineCore::tell_neighbours(TimePoint now) {
  const bool is_time = post_.is_time(now);
  if (!std::exchange(has_news_, false) && !is_time) return;
  if (const NodeId* peer = shared_.router.choose(before()).peer) {
    UpBeacon beacon = session_.up_beacon(own());
    if (is_time || post_.is_news(beacon)) {
      post_.on_sent(beacon);
      shared_.actions.push(Send{*peer, std::move(beacon)});
    }
  }
  const bool has_something_to_say = session_.epoch() != Epoch{} || is_run_over_;
  const NodeId* peer = shared_.router.choose(after()).peer;
  if (peer != nullptr && has_something_to_say) {
    const DownBeacon beacon = session_.down_beacon(news());
    if (is_time || post_.is_news(beacon)) {
      post_.on_sent(beacon);
      shared_.actions.push(Send{*peer, beacon});
    }
  }
}

DownBeacon LineCore::news() const {
  DownBeacon news;
  if (shared_.epoch.final_count) news.final_position = shared_.epoch.final_position();
  news.committed = book_.committed();
  news.settled = shared_.is_head() ? session_.settled(own())
                                   : (session_.before() ? session_.before()->settled : 0);
  news.is_over = is_run_over_;
  return news;
}

void LineCore::remove(const std::vector<CheckpointId>& checkpoints) {
  for (const CheckpointId& id : checkpoints) shared_.actions.push(RemoveCheckpoint{id});
}

// ---- what others see ----------------------------------------------------------------------------

Phase LineCore::phase() const {
  if (over_ != nullptr) return Phase::kOver;
  if (is_blocked_) return Phase::kBlocked;
  if (session_.epoch() == Epoch{}) return Phase::kGathering;
  if (!session_.is_sealed()) return Phase::kRestoring;
  return shared_.epoch.final_count ? Phase::kDraining : Phase::kTraining;
}

void LineCore::report_phase() {
  const Phase now_in = phase();
  if (now_in == reported_phase_ && session_.epoch() == reported_epoch_) return;
  reported_phase_ = now_in;
  reported_epoch_ = session_.epoch();
  const char* reason = session_reason_;
  if (now_in == Phase::kTraining) reason = "this stage and all after it are ready";
  if (now_in == Phase::kDraining) reason = "the last micro-batch is drawn";
  if (now_in == Phase::kOver) reason = over_;
  shared_.actions.push(PhaseChanged{now_in, session_.epoch(), shared_.epoch.from, reason});
}

const char* LineCore::waiting_for() const {
  if (workbench_.is_computing()) return "";
  switch (phase()) {
    case Phase::kGathering:
    case Phase::kBlocked:
      return session_reason_;
    case Phase::kRestoring:
      return "the stages after this one to restore";
    case Phase::kOver:
      return over_;
    case Phase::kTraining:
    case Phase::kDraining:
      break;
  }
  if (is_drained() && book_.has_failed()) return "room on the disk for the last checkpoint";
  if (is_drained()) return book_.is_storing() ? "the disk" : "the rest of the line to end";
  return shared_.is_head() ? helm_.waiting_for() : workbench_.waiting_for();
}

TimePoint LineCore::next_wakeup() const {
  if (has_news_) return created_at_;  // nothing was handled yet: what to do first is to be decided
  TimePoint next = exchange_.next_due();
  if (over_ == nullptr && is_drained()) next = std::min(next, book_.retry_at());
  if (shared_.options.stages > 1) next = std::min(next, post_.next());
  if (!is_hasty_ && over_ == nullptr) next = std::min(next, stop_deadline_);
  return next;
}

Status LineCore::status() const {
  Status status;
  workbench_.fill(status);
  status.phase = phase();
  status.epoch = session_.epoch();
  status.committed = book_.committed();
  status.position = shared_.position();
  if (shared_.is_head()) {
    status.window = helm_.window();
    status.window_smoothed = helm_.window_smoothed();
    status.window_reason = helm_.window_reason();
  }
  status.repeats = exchange_.repeats();
  status.duplicates = exchange_.duplicates();
  status.waiting_for = waiting_for();
  return status;
}

}  // namespace

std::unique_ptr<Core> make_line_core(const Options& options, StartState start, TimePoint now) {
  return std::make_unique<LineCore>(options, std::move(start), now);
}

}  // namespace brigade::swarm

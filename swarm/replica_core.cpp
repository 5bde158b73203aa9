// The core of a node in a swarm with replicas: composes the parts, as line_core.cpp does for a
// line. There is one epoch and no agreement on it: a node restores, says that it is ready, and
// works.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "swarm/core.hpp"
#include "swarm/draw.hpp"
#include "swarm/load_meter.hpp"
#include "swarm/mender.hpp"
#include "swarm/workbench.hpp"

namespace brigade::swarm {
namespace {

// What was heard of a head this many beacons ago is passed on: news of it may come from afar.
constexpr int kFloorLasts = 4;

Options with_head(Options options) {
  options.head = HeadIndex{options.instance};
  return options;
}

class ReplicaCore : public Core {
 public:
  ReplicaCore(const Options& options, TimePoint now)
      : shared_(with_head(options)),
        evaluation_(options),
        peers_(options, now),
        finder_(options, peers_),
        relay_(shared_, evaluation_, peers_, finder_),
        mender_(shared_, relay_, peers_, finder_),
        workbench_(shared_, relay_),
        draw_(options),
        load_meter_(options.stage, shared_.is_tail(), options.accumulate),
        next_beacon_(now) {
    BRIGADE_CHECK(options.stages >= 2 && options.stages <= limits::kMaxStages &&
                  options.stage.value() < options.stages);
    BRIGADE_CHECK(options.schedule == Schedule::kAsync && !options.lock_step);
    BRIGADE_CHECK(options.window > 0 && options.window <= limits::kMaxWindow &&
                  options.accumulate > 0 && options.accumulate <= limits::kMaxWindow);
    constexpr Duration kNone{0};
    BRIGADE_CHECK(options.receipt_deadline > kNone && options.gradient_deadline > kNone &&
                  options.longest_pause > kNone && options.beacon_interval > kNone);
    BRIGADE_CHECK(options.forget_after > 10 * options.beacon_interval);
    shared_.epoch.epoch = options.epoch;
    workbench_.enter_epoch();
    evaluation_.restart(0);
  }

  void handle(TimePoint now, const Event& event) override {
    if (now >= next_beacon_) {  // after a pause of this machine too: leases come first
      peers_.on_time(now);
      mender_.expire(now);
    }
    relay_.set_view({is_open(), load_meter_.own(now).pace});
    std::visit([&](const auto& happened) { on(now, happened); }, event);
    settle(now);
  }
  std::optional<Action> poll_action() override { return shared_.actions.poll(); }
  TimePoint next_wakeup() const override {
    return std::min({relay_.next_due(), next_beacon_, over_ == nullptr ? stop_deadline_ : kNever});
  }
  Status status() const override;

 private:
  void on(TimePoint, const Tick&) {}
  void on(TimePoint now, const LinkUp& event) {
    if (peers_.on_up(now, {event.peer, event.instance}, event.stage)) tell(now, event.peer);
  }
  void on(TimePoint, const LinkDown& event) { peers_.on_down(event.peer); }
  void on(TimePoint now, const Received& event) {
    peers_.on_heard(now, event.from);
    std::visit([&](const auto& message) { receive(now, event.from, message); }, event.message);
  }
  void on(TimePoint now, const ForwardDone& event) { workbench_.on(now, event); }
  void on(TimePoint now, const BackwardDone& event) { workbench_.on(now, event); }
  void on(TimePoint now, const InputRejected& event) { workbench_.on(now, event); }
  void on(TimePoint, const UpdateDone& event) { workbench_.on(event); }
  void on(TimePoint, const SnapshotTaken& event) { workbench_.on(event); }
  void on(TimePoint, const RestoreDone& event) {
    workbench_.on(event);
    has_news_ = true;
  }
  void on(TimePoint, const SnapshotStored&) {}
  void on(TimePoint, const CheckpointFound&) {}
  void on(TimePoint, const StopRequested& event) {
    is_stopping_ = has_news_ = true;
    stop_deadline_ = std::min(stop_deadline_, event.deadline);
  }

  template <class AboutMicrobatch>
  void receive(TimePoint now, const NodeId& from, const AboutMicrobatch& message) {
    relay_.on(now, from, message);
  }
  void receive(TimePoint now, const NodeId& from, const PathRequest& message) {
    mender_.on(now, from, message);
  }
  void receive(TimePoint now, const NodeId& from, const NodeBeacon& beacon) {
    const bool is_sane = beacon.gone.size() <= limits::kMaxGoneTold &&
                         beacon.floors.size() <= limits::kMaxFloorsTold &&
                         beacon.offer.path.size() <= shared_.options.stages;
    if (!is_sane) return shared_.actions.push(Misbehaved{from, "a beacon that can't be"});
    peers_.on_beacon(now, from, beacon);
    const PeerBook::Peer* peer = peers_.find(from);
    if (peer == nullptr || peer->stage.next() != shared_.options.stage) return;
    for (const NodeBeacon::Floor& floor : beacon.floors) {  // down the line alone: old news ends
      relay_.note_floor(now, floor.head, floor.sequence);
    }
  }
  void receive(TimePoint, const NodeId& from, const UpBeacon&) { blame_line(from); }
  void receive(TimePoint, const NodeId& from, const DownBeacon&) { blame_line(from); }
  void blame_line(const NodeId& from) {
    shared_.actions.push(Misbehaved{from, "a beacon of a line without replicas"});
  }

  void settle(TimePoint now);
  void steer();
  bool draw(TimePoint now);
  bool draw_evaluation(TimePoint now);
  void open(TimePoint now, MicrobatchId::Kind kind, Sequence sequence);
  void feed_engine(TimePoint now);
  void leave_if_done(TimePoint now);
  void note_load(TimePoint now);
  void tell(TimePoint now, const NodeId& to);
  void tell_neighbours(TimePoint now);
  void report_phase();

  bool is_open() const { return workbench_.is_restored() && !is_stopping_ && over_ == nullptr; }
  Phase phase() const;
  const char* waiting_for() const;

  Shared shared_;
  Evaluation evaluation_;
  PeerBook peers_;
  PathFinder finder_;
  Relay relay_;
  Mender mender_;
  Workbench workbench_;
  Draw draw_;
  LoadMeter load_meter_;
  std::uint64_t in_weights_ = 0;
  TimePoint next_beacon_;
  bool has_news_ = true;   // for the neighbours
  bool had_path_ = false;  // when last told
  bool is_stopping_ = false;
  TimePoint stop_deadline_ = kNever;
  const char* over_ = nullptr;
  const char* waiting_for_draw_ = "";
  const char* path_reason_ = "";
  Phase reported_phase_ = Phase::kGathering;
};

// ---- what follows -------------------------------------------------------------------------------

void ReplicaCore::settle(TimePoint now) {
  note_load(now);
  relay_.drop_abandoned();
  relay_.on_time(now);
  const bool is_time = now >= next_beacon_;
  if (is_time) relay_.settle_floors();
  const bool has_changed = peers_.take_change();
  if (has_changed || is_time || relay_.take_trouble()) mender_.tend(now);
  has_news_ = has_news_ || has_changed;
  if (shared_.is_head()) steer();
  leave_if_done(now);
  feed_engine(now);
  note_load(now);
  tell_neighbours(now);
  report_phase();
}

void ReplicaCore::steer() {
  if (over_ != nullptr) return;
  const Ledger::Counts counts = shared_.ledger.counts();
  const bool is_all_drawn = !draw_.has_steps_left();
  if (!is_all_drawn) {
    evaluation_.on_applied(counts.applied);
  } else if (counts.in_flight == 0 && !is_stopping_) {
    evaluation_.start_final(counts.applied);
  }
  if (const auto report = evaluation_.take_report()) shared_.actions.push(*report);
}

bool ReplicaCore::draw(TimePoint now) {
  if (!shared_.is_head() || over_ != nullptr) return false;
  if (draw_evaluation(now)) return true;
  const Ledger::Counts counts = shared_.ledger.counts();
  const std::uint32_t suspended = relay_.suspended();
  Draw::View view;
  view.is_ready =
      is_open() && suspended < limits::kMaxSuspended && !finder_.choose(now).path.empty();
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
                        shared_.ledger.counts().evaluations < shared_.options.window &&
                        !finder_.choose(now).path.empty();
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
  if (workbench_.is_computing() || workbench_.start_due()) return;
  if (shared_.tasks.wants_draw()) draw(now);
  while (!workbench_.start_queued()) {
    if (!draw(now)) return;
  }
}

void ReplicaCore::leave_if_done(TimePoint now) {
  if (!is_stopping_ || over_ != nullptr) return;
  const Ledger::Counts counts = shared_.ledger.counts();
  const bool is_empty =
      counts.in_flight == 0 && counts.kept_gradients == 0 && counts.evaluations == 0;
  const bool is_late = now >= stop_deadline_;
  if (!is_empty && !is_late) return;
  workbench_.wind_up();
  if (!is_late && !workbench_.is_at_cut() && workbench_.is_restored()) return;
  over_ = is_empty ? "drained" : "the time to stop is up: what it holds is given to others";
  relay_.finish();
  has_news_ = true;
}

void ReplicaCore::note_load(TimePoint now) {
  using Work = LoadMeter::Work;
  Work work = Work::kNone;
  if (workbench_.is_restored() && workbench_.is_computing())
    work = workbench_.is_forwarding() ? Work::kForward : Work::kOther;
  const std::uint64_t applied = shared_.ledger.counts().applied;
  if (workbench_.is_at_cut()) in_weights_ = applied;
  load_meter_.note(now, work, in_weights_);
}

void ReplicaCore::tell_neighbours(TimePoint now) {
  const bool is_time = now >= next_beacon_;
  if (is_time) next_beacon_ = now + shared_.options.beacon_interval;
  const bool has_path = !relay_.offer(now).path.empty();
  if (std::exchange(had_path_, has_path) != has_path) has_news_ = true;
  if (!std::exchange(has_news_, false) && !is_time) return;
  for (const auto& [node, peer] : peers_.peers()) {
    if (peer.is_linked) tell(now, node);
  }
}

void ReplicaCore::tell(TimePoint now, const NodeId& to) {
  NodeBeacon beacon;
  beacon.is_ready = workbench_.is_restored();
  beacon.is_draining = is_stopping_;
  beacon.is_leaving = over_ != nullptr;
  peers_.fill(now, to, beacon);
  beacon.offer = relay_.offer(now);
  if (shared_.is_head()) {
    beacon.floors.push_back({shared_.options.head, shared_.ledger.watermark(shared_.options.head)});
  }
  for (const auto& [head, heard] : relay_.floors()) {
    const bool is_fresh = now - heard.at < kFloorLasts * shared_.options.beacon_interval;
    if (!is_fresh || head == shared_.options.head) continue;
    if (beacon.floors.size() == limits::kMaxFloorsTold) break;
    beacon.floors.push_back({head, heard.floor});
  }
  shared_.actions.push(Send{to, std::move(beacon)});
}

// ---- what others see ----------------------------------------------------------------------------

Phase ReplicaCore::phase() const {
  if (over_ != nullptr) return Phase::kOver;
  if (!workbench_.is_restored()) return Phase::kRestoring;
  return is_stopping_ ? Phase::kDraining : Phase::kTraining;
}

void ReplicaCore::report_phase() {
  if (phase() == reported_phase_) return;
  reported_phase_ = phase();
  const char* reason = "it has just started";
  if (reported_phase_ == Phase::kTraining) reason = "it has restored";
  if (reported_phase_ == Phase::kDraining) reason = "asked to stop";
  if (reported_phase_ == Phase::kOver) reason = over_;
  shared_.actions.push(
      PhaseChanged{reported_phase_, shared_.options.epoch, shared_.epoch.from, reason});
}

const char* ReplicaCore::waiting_for() const {
  if (workbench_.is_computing()) return "";
  if (over_ != nullptr) return over_;
  return shared_.is_head() ? waiting_for_draw_ : workbench_.waiting_for();
}

Status ReplicaCore::status() const {
  const Ledger::Counts counts = shared_.ledger.counts();
  Status status;
  status.phase = phase();
  status.epoch = shared_.options.epoch;
  status.position = status.applied = counts.applied;
  status.drawn = counts.drawn;
  status.in_flight = counts.in_flight;
  status.forwarded = counts.forwarded;
  status.waiting_gradients = counts.waiting_gradients;
  status.kept_gradients = counts.kept_gradients;
  status.version = workbench_.version();
  status.staleness_mean = workbench_.meter().staleness_updates();
  status.staleness_max = workbench_.meter().staleness_max();
  status.staleness_histogram = workbench_.meter().histogram();
  status.window = shared_.is_head() ? shared_.options.window : 0;
  status.repeats = relay_.repeats();
  status.duplicates = relay_.duplicates();
  status.handed_back = shared_.ledger.handed_back();
  status.taken = counts.drawn + status.handed_back;
  status.written_off = relay_.written_off();
  status.evaluations = counts.evaluations;
  status.suspended = relay_.suspended();
  status.path_reason = path_reason_;
  status.is_computing = workbench_.is_computing();
  status.waiting_for = waiting_for();
  return status;
}

}  // namespace

std::unique_ptr<Core> make_replica_core(const Options& options, TimePoint now) {
  return std::make_unique<ReplicaCore>(options, now);
}

}  // namespace brigade::swarm

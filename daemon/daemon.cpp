#include "daemon/daemon.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <utility>

#include <fmt/format.h>
#include "daemon/delay_line.hpp"
#include "daemon/grpc_transport.hpp"
#include "daemon/log.hpp"
#include "daemon/members_status.hpp"
#include "daemon/memory.hpp"
#include "daemon/settings.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t kStalenessInterval = 60;  // seconds of training from log line to log line
// A service manager waits 15 s between SIGTERM and SIGKILL; the rest is for writing the last files.
constexpr Duration kStopDeadline = std::chrono::seconds{12};
// Whoever would wait for an orphan is gone: others may need its cores and its port.
constexpr Duration kOrphanDeadline = std::chrono::seconds{4};
// While peers or the stage are not there yet, systemd is told every second to wait this long more.
constexpr Duration kStartExtension = std::chrono::seconds{30};
constexpr int kInterruptedTwice = 130;

std::uint64_t draw_instance() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random() | 1;  // never zero
}

Result<control::v1::RevokeResponse> no_owner() {
  return make_error(ErrorCode::kBadInput, "the swarm of this node has no owner");
}

}  // namespace

Daemon::Daemon(DaemonOptions options, StateDir state, Identity identity, const stage::Slice& slice,
               const StageLibrary& library)
    : options_(std::move(options)),
      state_(std::move(state)),
      identity_(std::move(identity)),
      slice_(slice),
      instance_(draw_instance()),
      signals_(core_),
      second_timer_(core_),
      watchdog_timer_(core_),
      deadline_timer_(core_),
      farewell_timer_(core_),
      parent_(core_),
      checkpoints_(state_.checkpoints(), to_model_shape(options_.swarm.model), slice,
                   library.checkpoints),
      engine_(to_stage_shape(options_.swarm, slice),
              [this](ComputeOutcome outcome) {
                asio::post(core_, [this, outcome = std::move(outcome)]() mutable {
                  driver_->on_outcome(std::move(outcome));
                });
              }),
      control_(core_, {.status = [this] { return status(); },
                       .stop =
                           [this](std::optional<Duration> deadline) {
                             request_stop(deadline.value_or(kStopDeadline), "asked to stop");
                           },
                       .drain = [this](const Answer& answer) { drain(answer); },
                       .resume = [this](const Answer& answer) { resume(answer); },
                       .leave = [this](const control::v1::LeaveRequest& wish,
                                       const Answer& answer) { leave_for_good(wish, answer); },
                       .revoke =
                           [this](const control::v1::RevokeRequest& request) {
                             return members_ ? members_->revoke(request) : no_owner();
                           }}) {
  is_drained_ = options_.entry && state_.is_drained();
}

Daemon::~Daemon() {
  engine_.stop();
  pool_.join();
}

// ---- Start ----------------------------------------------------------------------------------

Result<std::unique_ptr<Daemon>> Daemon::make(DaemonOptions options, const StageLibrary& library) {
  BRIGADE_ASSIGN(const stage::Slice slice,
                 to_slice(options.swarm, options.node.stage, library.cost(options.swarm)));
  BRIGADE_ASSIGN(StateDir state, StateDir::open(options.node.state_dir));
  BRIGADE_ASSIGN(Identity identity, load_or_create_identity(options.node.identity));
  std::unique_ptr<Daemon> daemon(
      new Daemon(std::move(options), std::move(state), std::move(identity), slice, library));
  BRIGADE_TRY(daemon->start(library));
  return daemon;
}

Result<> Daemon::start(const StageLibrary& library) {
  BRIGADE_ASSIGN(auto source, make_source());
  BRIGADE_ASSIGN(swarm::StartState known, find_start());
  swarm::Options core_options =
      to_core_options(options_.swarm, identity_.id, slice_.stage, eval_batches_);
  if (options_.entry) BRIGADE_TRY(config::check_for_members(options_.swarm));
  if (options_.entry) make_replica(core_options, options_.swarm, instance_);
  driver_.emplace(Driver::Parts{core_, pool_, engine_, state_, checkpoints_,
                                [this](const Report& report) { on_report(report); },
                                [this](const swarm::LinkWanted& wish) { want_link(wish); },
                                to_codec(options_.swarm)},
                  core_options, std::move(known));
  BRIGADE_TRY(start_links(library));
  BRIGADE_TRY(control_.start(options_.node.control));
  BRIGADE_ASSIGN(const StageFacts facts, start_stage(library, std::move(source)));
  journal_.emplace(JournalFacts{.self = identity_.id,
                                .version = BRIGADE_VERSION,
                                .slice = slice_,
                                .stage = facts,
                                .listen = listen_,
                                .node_file = options_.node_file.string(),
                                .tokens_per_microbatch = std::uint64_t{options_.swarm.run.batch} *
                                                         options_.swarm.run.context});
  for (std::string& note : start_notes_) on_report(Warned{std::move(note)});
  start_notes_.clear();
  return {};
}

/// None where this node is no head.
Result<std::unique_ptr<TokenSource>> Daemon::make_source() {
  if (options_.entry) {
    BRIGADE_ASSIGN(data_, to_data_files(options_.entry->description, options_.swarm.data));
  }
  if (!slice_.is_head()) return std::unique_ptr<TokenSource>();
  const TokenSourceOptions options = to_token_source_options(options_.swarm);
  if (data_.empty() || are_here(data_)) {
    BRIGADE_ASSIGN(auto source, open_token_source(options));
    for (const DataFile& file : data_) BRIGADE_TRY(check_is_that(file));
    eval_batches_ = source->eval_batches();
    return source;
  }
  BRIGADE_ASSIGN(eval_batches_, eval_batches_in(data_, options));
  auto late = std::make_unique<LateTokenSource>(eval_batches_);
  late_ = late.get();
  return std::unique_ptr<TokenSource>(std::move(late));
}

DataShelf::Setup Daemon::data_setup() {
  return {.identity = identity_,
          .files = data_,
          .most_bytes_a_second = slice_.is_head() ? 0 : Keeper::kBytesASecond,
          .on_complete = [this] { open_late_source(); }};
}

void Daemon::open_late_source() {
  if (late_ == nullptr || is_leaving_) return;
  asio::post(pool_, [this] {
    auto source = open_token_source(to_token_source_options(options_.swarm));
    asio::post(core_, [this, source = std::move(source)]() mutable {
      if (late_ == nullptr || is_leaving_) return;
      if (source.has_error()) return on_report(Failed{source.error()});
      std::exchange(late_, nullptr)->open(std::move(*source));
    });
  });
}

Result<swarm::StartState> Daemon::find_start() {
  if (auto scanned = checkpoints_.scan(options_.resume_from, start_notes_); !scanned) {
    for (const std::string& note : start_notes_) spdlog::warn("{}", note);
    return scanned.error();
  }
  swarm::StartState known{checkpoints_.sound(), Epoch{}};
  for (const swarm::CheckpointId& one : known.checkpoints)
    known.max_epoch = std::max(known.max_epoch, one.epoch);
  const auto epoch = state_.read_epoch();
  if (epoch.has_error()) {
    if (epoch.error().code != ErrorCode::kCorrupt) return epoch.error();
    start_notes_.push_back(fmt::format("{}: going on from epoch {} of the checkpoints",
                                       epoch.error().message, known.max_epoch.value()));
  } else if (*epoch) {
    known.max_epoch = std::max(known.max_epoch, **epoch);
  }
  spdlog::info("state folder={} checkpoints={} newest={} epoch={}",
               in_quotes(state_.folder().string()), known.checkpoints.size(),
               known.checkpoints.empty() ? 0 : known.checkpoints.back().position,
               known.max_epoch.value());
  return known;
}

Result<StageFacts> Daemon::start_stage(const StageLibrary& library,
                                       std::unique_ptr<TokenSource> source) {
  supervisor_.extend_start(kBuildExtension);
  auto settings = to_stage_options(options_.swarm, options_.node, slice_);
  const RecomputeChoice choice = choose_recompute(
      options_.swarm.method.recompute, library.estimate(settings).kept_bytes_per_microbatch,
      in_flight_at_most(options_.swarm, slice_.stage), available_memory_bytes());
  settings.recompute = choice.recompute;
  BRIGADE_ASSIGN(const StageFacts facts,
                 engine_.start([&] { return library.make(settings); }, std::move(source)));
  spdlog::info(
      "node id={} stage={}/{} blocks={}-{} device={} listen={} parameters={} "
      "recompute={} reason={} version={}",
      to_hex(identity_.id), slice_.stage, slice_.stages, slice_.first_block,
      slice_.first_block + slice_.blocks - 1, in_quotes(facts.device), listen_, facts.parameters,
      choice.recompute ? "on" : "off", in_quotes(choice.reason), BRIGADE_VERSION);
  return facts;
}

Result<> Daemon::start_links(const StageLibrary& library) {
  BRIGADE_ASSIGN(auto peers, to_peers(options_.swarm, options_.node, identity_.id));
  TransportOptions options;
  options.identity = identity_;
  options.swarm = to_swarm_id(options_.swarm);
  options.stage = StageIndex(slice_.stage);
  options.software = "brigaded " BRIGADE_VERSION;
  options.listen = options_.node.listen;
  options.peers = std::move(peers);
  options.seed = options_.swarm.run.seed;
  options.instance = instance_;
  options.codec = to_codec(options_.swarm);
  options.decodes = options_.decodes;
  TransportCallbacks own = driver_->transport_callbacks();
  if (options_.entry) {  // peers are not named, they are met
    options.swarm = trust::id_of(options_.entry->description.origin).bytes;
    options.settings = to_swarm_id(options_.swarm);
    make_members(library);
    own = members_->callbacks_around(std::move(own));
  }
  const auto make_plain = [&](TransportCallbacks callbacks) {
    return make_grpc_transport(std::move(options), core_.get_executor(), std::move(callbacks));
  };
  const auto make = [&](TransportCallbacks callbacks) {
    return options_.around ? options_.around(std::move(callbacks), make_plain)
                           : make_plain(std::move(callbacks));
  };
  const std::chrono::milliseconds delay{options_.node.link_delay_ms};
  if (delay.count() > 0) {
    spdlog::info("links held by a delay line in this daemon round_trip_ms={}", delay.count());
    transport_ = make_delay_line(delay, core_.get_executor(), std::move(own), make);
  } else {
    transport_ = make(std::move(own));
  }
  driver_->attach(*transport_);
  if (members_) members_->attach(*transport_);
  BRIGADE_TRY(transport_->start());
  listen_ = transport_->listen_address();
  return {};
}

BeginningSetup Daemon::beginning_setup() {
  return {.identity = identity_,
          .stage = StageIndex(slice_.stage),
          .folder = state_.checkpoints(),
          .most_bytes = most_checkpoint_bytes(options_.swarm.model),
          .own = [this] { return checkpoints_.own_files(); },
          .take_in =
              [this](const swarm::CheckpointId& id, const std::filesystem::path& file,
                     std::function<void(const Result<>&)> done) {
                driver_->take_in_checkpoint(id, file, std::move(done));
              },
          .start_from = [this](const swarm::CheckpointId& id) { driver_->start_from(id); },
          .is_waiting = [this] { return driver_->status().phase == swarm::Phase::kGathering; },
          .lacks =
              [this] {
                if (late_ == nullptr) return std::string();
                const std::string& what = members_->data().waiting_for();
                return what.empty() ? std::string("the data that heads read") : what;
              }};
}

KeeperSetup Daemon::keeper_setup(const StageLibrary& library) const {
  // Called on the keeper's thread: what it uses is copied.
  const auto verify = [verify = library.checkpoints.verify, cost = library.cost(options_.swarm),
                       swarm = options_.swarm](
                          StageIndex stage,
                          const std::filesystem::path& file) -> Result<swarm::CheckpointId> {
    BRIGADE_ASSIGN(const stage::CheckpointInfo info, verify(file));
    BRIGADE_ASSIGN(const stage::Slice slice, to_slice(swarm, stage.value(), cost));
    BRIGADE_TRY(check_fits(info, to_model_shape(swarm.model), slice));
    return swarm::CheckpointId{Epoch(info.epoch), info.position};
  };
  return {.identity = identity_,
          .folder = keeps_folder(state_.folder()),
          .most_bytes = most_checkpoint_bytes(options_.swarm.model),
          .verify = verify};
}

void Daemon::make_members(const StageLibrary& library) {
  members_.emplace(
      core_,
      Members::Setup{
          .identity = identity_,
          .entry = *options_.entry,
          .book = book_file(options_.node),
          .revocations = revocations_file(options_.node),
          .announce = options_.node.announce,
          .memory_bytes = available_memory_bytes().value_or(0),
          .now_unix_s = now_unix_s(),
          .beginning = beginning_setup(),
          .keeper = keeper_setup(library),
          .data = data_setup(),
          .may_move = options_.may_move,
          .is_drained = is_drained_,
          .move_to =
              [this](const Mover::Move& move) {
                asio::post(core_, [this, move] { move_to(move); });
              },
          .count_replicas = [this](const auto& counted) { driver_->count_replicas(counted); },
          .outside = make_outside(options_.node, options_.entry->description.origin)},
      [this](const Report& report) { on_report(report); });
}

// ---- Running --------------------------------------------------------------------------------

Result<> Daemon::run() {
  watch_process();
  every_second();
  feed_watchdog();
  asio::post(core_, [this] {
    if (members_) members_->start(listen_);
    driver_->start();
    if (is_drained_) rest();
  });
  auto work = asio::make_work_guard(core_);
  core_.run();
  engine_.stop();
  pool_.join();
  if (failure_) return *failure_;
  return {};
}

void Daemon::watch_process() {
  if (options_.handle_signals) {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    on_signal();
  }
  if (options_.parent_fd) {
    parent_.assign(::dup(*options_.parent_fd));  // a daemon that moves is made anew
    await_eof();
  }
}

void Daemon::on_signal() {
  signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
    if (cancelled) return;
    if (is_told_to_stop_) std::_Exit(kInterruptedTwice);
    request_stop(kStopDeadline, signal == SIGINT ? "SIGINT" : "SIGTERM");
    on_signal();
  });
}

void Daemon::await_eof() {
  parent_.async_read_some(asio::buffer(&parent_byte_, 1),
                          [this](const boost::system::error_code& failure, std::size_t) {
                            if (failure == asio::error::operation_aborted) return;
                            if (failure)
                              return request_stop(kOrphanDeadline, "the parent process is gone");
                            await_eof();
                          });
}

void Daemon::every_second() {
  journal_->sample(core_now(), engine_.counters().busy_seconds);
  const swarm::Status core = driver_->status();
  if (core.phase == swarm::Phase::kTraining && ++training_seconds_ % kStalenessInterval == 0)
    journal_->log_staleness(core, engine_.counters());
  if (!supervisor_.is_ready()) supervisor_.extend_start(kStartExtension);
  supervisor_.status(fmt::format("stage {}/{}: {}, micro-batch {}{}", slice_.stage, slice_.stages,
                                 phase(), core.position,
                                 core.is_computing ? "" : std::string(", ") + core.waiting_for));
  second_timer_.expires_after(std::chrono::seconds{1});
  second_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) every_second();
  });
}

void Daemon::feed_watchdog() {
  const auto interval = supervisor_.watchdog_interval();
  if (!interval) return;
  supervisor_.feed_watchdog();
  watchdog_timer_.expires_after(*interval);
  watchdog_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) feed_watchdog();
  });
}

void Daemon::on_report(const Report& report) {
  const bool is_step = std::holds_alternative<swarm::StepReported>(report);
  const std::uint32_t in_flight = is_step ? driver_->status().in_flight : 0;
  if (const auto event = journal_->take(report, core_now(), in_flight)) control_.publish(*event);

  if (const auto* changed = std::get_if<swarm::PhaseChanged>(&report)) on_phase(changed->phase);
  if (const auto* changed = std::get_if<CheckpointChanged>(&report);
      changed != nullptr && members_ &&
      (changed->change == "copied" || changed->change == "stored"))
    asio::post(core_, [this] { members_->note_state(); });
  if (const auto* misbehaved = std::get_if<swarm::Misbehaved>(&report); misbehaved && members_)
    asio::post(core_, [this, misdeed = *misbehaved] { members_->note_misdeed(misdeed); });
  if (const auto* failed = std::get_if<Failed>(&report)) {
    failure_ = failed->error;
    asio::post(core_, [this] { leave(); });
  }
  // Not from inside the driver's own loop over actions.
  if (std::holds_alternative<CheckpointChanged>(report) ||
      std::holds_alternative<swarm::PhaseChanged>(report))
    asio::post(core_, [this] { leave_when_done(); });
}

/// Not from inside the driver's own loop over actions.
void Daemon::want_link(const swarm::LinkWanted& wish) {
  if (members_) asio::post(core_, [this, wish] { members_->want_link(wish); });
}

void Daemon::on_phase(swarm::Phase phase) {
  const bool can_serve = phase == swarm::Phase::kTraining || phase == swarm::Phase::kOver ||
                         phase == swarm::Phase::kBlocked;
  if (can_serve) supervisor_.ready();
}

control::v1::NodeStatus Daemon::status() {
  auto status = journal_->status({.core = driver_->status(),
                                  .engine = engine_.counters(),
                                  .transport = transport_->counters(),
                                  .links = transport_->links(),
                                  .has_replicas = members_.has_value(),
                                  .payload_bytes = driver_->payloads().bytes()},
                                 core_now());
  if (members_) tell_of_members(*members_, driver_->given(), status);
  if (members_) tell_of_wish(status);
  return status;
}

void Daemon::post_stop() {
  asio::post(core_, [this] { request_stop(kStopDeadline, "asked to stop"); });
}

}  // namespace brigade::daemon

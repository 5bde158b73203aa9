// How a daemon ends: it stops, moves to another stage, or leaves its swarm for good; and how it
// rests between drain and resume.
//
//   drain    the core finishes what it holds and stores its weights, as for a stop; the daemon
//            stays a member that gives copies, relays and answers, over restarts too.
//   resume   the daemon is made anew in this process, as after a move: it begins as one that joins.
//   leave    drains, waits until somebody else has this node's last checkpoint, says goodbye.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include "daemon/daemon.hpp"
#include "daemon/log.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
using swarm::membership::Doing;

namespace {

constexpr Duration kSaveGrace = std::chrono::seconds{1};
constexpr Duration kResumeDeadline = std::chrono::seconds{20};  // for what it still holds
constexpr Duration kPatience = std::chrono::seconds{60};
constexpr Duration kFindAgain = std::chrono::seconds{1};  // keepers look every other second

std::string names_of(const std::vector<NodeId>& nodes) {
  constexpr std::size_t kMost = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(nodes.size(), kMost); ++i)
    names += (i > 0 ? ", " : "") + to_short(nodes[i]);
  return nodes.size() > kMost ? fmt::format("{} and {} more", names, nodes.size() - kMost) : names;
}

}  // namespace

// ---- Stopping -------------------------------------------------------------------------------

void Daemon::request_stop(Duration deadline, const std::string& why) {
  if (std::exchange(is_told_to_stop_, true)) return;
  spdlog::info("stopping reason={} deadline_s={:.1f}", in_quotes(why),
               std::chrono::duration<double>(deadline).count());
  supervisor_.stopping();
  moves_to_.reset();
  farewell_.reset();
  if (options_.on_stopping) options_.on_stopping(deadline + 2 * kSaveGrace);
  await_end(deadline);
}

/// The membership sends this node to another stage: it finishes what it holds, as for a stop.
void Daemon::move_to(const Mover::Move& move) {
  if (is_told_to_stop_ || is_leaving_ || is_drained_ || farewell_ || moves_to_) return;
  moves_to_ = move.to;
  await_end(move.at_most);
}

/// Drains, and leaves when that is done or the time is up.
void Daemon::await_end(Duration deadline) {
  deadline_timer_.expires_after(deadline + kSaveGrace);
  deadline_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    spdlog::warn(
        "what it holds was not finished before the deadline: leaving with the newest "
        "checkpoint");
    leave();
  });
  driver_->request_stop(core_now() + deadline);
  leave_when_done();
}

void Daemon::leave_when_done() {
  if (is_leaving_) return;
  if (driver_->status().phase != swarm::Phase::kOver || driver_->pending_stores() > 0) return;
  if (is_told_to_stop_ || moves_to_) return leave();
  if (farewell_) return hand_over();
  if (is_drained_) return members_->rest(Doing::kDrained);
  if (options_.exit_when_over) leave();
}

void Daemon::leave() {
  if (std::exchange(is_leaving_, true)) return;
  const swarm::Status core = driver_->status();
  const std::size_t left = driver_->payloads().count();
  if (core.phase == swarm::Phase::kOver && core.in_flight == 0 && core.kept_gradients == 0 &&
      left > 0)
    spdlog::error("payloads never released count={} bytes={}", left, driver_->payloads().bytes());
  if (core.version.value() > 0) journal_->log_staleness(core, engine_.counters());
  driver_->halt();
  second_timer_.cancel();
  watchdog_timer_.cancel();
  deadline_timer_.cancel();
  farewell_timer_.cancel();
  signals_.clear();  // from here on a signal ends the process, a move too
  if (moves_to_) supervisor_.rest_watchdog(kBuildExtension);
  parent_.close();
  if (members_) members_->leave();
  transport_->stop();
  control_.close();
  // Behind the last checkpoint writes; the strand turns on until watchers have their last events.
  asio::post(pool_, [this] {
    control_.shut_down();
    asio::post(core_, [this] { core_.stop(); });
  });
  spdlog::info("left position={} committed={}", core.position, core.committed.position);
}

// ---- What its owner wishes ------------------------------------------------------------------

std::string Daemon::phase() const {
  const swarm::Phase phase = driver_->status().phase;
  if (farewell_) return farewell_->is_said ? "left" : "leaving";
  if (is_drained_) return phase == swarm::Phase::kOver ? "drained" : "draining";
  return swarm::to_string(phase);
}

void Daemon::tell_of_wish(control::v1::NodeStatus& status) const {
  status.set_phase(phase());
  if (phase() == "drained") status.set_waiting_for("drained by its owner: brigade resume");
  if (!farewell_) return;
  status.set_waiting_for(farewell_->said.empty() ? "" : farewell_->said.back());
  for (const std::string& line : farewell_->said) status.add_farewell(line);
}

Result<> Daemon::may_rest() const {
  if (!members_)
    return make_error(ErrorCode::kBadInput,
                      "this node is of a line with a fixed list of peers, where nobody can take "
                      "its place: stop the run instead (Ctrl-C, or SIGTERM to each brigaded); it "
                      "goes on from its newest checkpoint");
  if (is_told_to_stop_ || is_leaving_ || farewell_)
    return make_error(ErrorCode::kUnavailable, "this node is on its way out already");
  if (is_wish_underway_)
    return make_error(ErrorCode::kUnavailable, "another wish is being written down: ask again");
  if (moves_to_)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("this node is on its way to stage {}: ask again when it is there",
                                  moves_to_->value()));
  return {};
}

void Daemon::drain(const Answer& answer) {
  const auto may = may_rest();
  if (may.has_error() || is_drained_) return answer(may);
  keep_wish(true, answer, [this] { rest(); });
}

void Daemon::resume(const Answer& answer) {
  if (const auto may = may_rest(); may.has_error()) return answer(may);
  if (!is_drained_)
    return answer(make_error(ErrorCode::kBadInput, "this node is not drained: nothing to resume"));
  keep_wish(false, answer, [this] {
    moves_to_ = StageIndex(slice_.stage);
    await_end(kResumeDeadline);
  });
}

/// First on the disk, so that what was answered holds for the next start.
void Daemon::keep_wish(bool is_drained, const Answer& answer, std::function<void()> then) {
  is_wish_underway_ = true;
  asio::post(pool_, [this, is_drained, answer, then = std::move(then)] {
    const auto kept = state_.note_drained(is_drained);
    asio::post(core_, [this, is_drained, answer, kept, then] {
      is_wish_underway_ = false;
      answer(kept);
      if (kept.has_error() || may_rest().has_error()) return;
      is_drained_ = is_drained;
      then();
    });
  });
}

void Daemon::rest() {
  spdlog::info("drained by its owner: it takes no work until it resumes");
  if (driver_->status().phase != swarm::Phase::kGathering) members_->rest(Doing::kLeaving);
  driver_->request_stop(kNever);
  leave_when_done();
}

void Daemon::leave_for_good(const control::v1::LeaveRequest& wish, const Answer& answer) {
  const auto may = may_rest();
  answer(may);
  if (may.has_error()) return;
  const swarm::Status core = driver_->status();
  farewell_.emplace(Farewell{.patience = wish.patience_ms() > 0
                                             ? std::chrono::milliseconds(wish.patience_ms())
                                             : kPatience,
                             .handed_back = core.handed_back,
                             .successors = members_->successors()});
  if (wish.now()) {
    driver_->request_stop(core_now());
    return say_goodbye(
        fmt::format("waits for nobody: {} micro-batches that it held are given to "
                    "others, and what it has trained since its newest checkpoint "
                    "is lost",
                    core.in_flight));
  }
  say(fmt::format("finishes what it holds: {} micro-batches in flight", core.in_flight));
  if (core.phase != swarm::Phase::kOver) members_->rest(Doing::kLeaving);
  driver_->request_stop(core_now() + farewell_->patience);
  leave_when_done();
}

/// It holds nothing, and its last checkpoint is on its disk: others are to have what it has.
void Daemon::hand_over() {
  if (farewell_->end || farewell_->is_ending) return;
  farewell_->end = core_now() + farewell_->patience;
  members_->rest(Doing::kDrained);
  const std::uint64_t given = driver_->status().handed_back - farewell_->handed_back;
  if (given > 0) say(fmt::format("the time was up: {} micro-batches are given to others", given));
  const std::vector<HeldCheckpoint> own = checkpoints_.own_files();
  if (own.empty()) return say_goodbye("has no checkpoint of its stage: nothing to hand over");
  const auto position = [](const HeldCheckpoint& one) { return one.checkpoint.position; };
  farewell_->position = position(*std::ranges::max_element(own, {}, position));
  say(fmt::format("holds nothing any more; its last checkpoint is at position {}",
                  farewell_->position));
  find_heir();
}

/// Who trained the stage beside this node has nearly the same weights. Who comes only now is an
/// heir, as a keeper is, once it has the checkpoint.
void Daemon::find_heir() {
  const auto present = members_->successors();
  std::erase_if(farewell_->successors, [&](const NodeId& node) {
    return std::ranges::find(present, node) == present.end();
  });
  if (!farewell_->successors.empty())
    return say_goodbye(
        fmt::format("stage {} goes on at node {}", slice_.stage, names_of(farewell_->successors)));
  members_->find_copies([this](const std::vector<Offered>& found) {
    if (!farewell_ || farewell_->is_ending) return;
    std::vector<NodeId> heirs;
    for (const Offered& one : found)
      if (one.checkpoint.position >= farewell_->position) heirs.push_back(one.donor.node);
    if (!heirs.empty())
      return say_goodbye(fmt::format("node {} has a copy of it", names_of(heirs)));
    if (core_now() >= *farewell_->end) {
      return say_goodbye(
          found.empty()
              ? fmt::format("nobody has a copy: unless this node comes back, stage {} is lost",
                            slice_.stage)
              : fmt::format(
                    "nobody has a copy of it, the newest elsewhere is at position {}: unless "
                    "this node comes back, what was trained since is lost",
                    found.front().checkpoint.position));
    }
    farewell_timer_.expires_after(kFindAgain);
    farewell_timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled && farewell_) find_heir();
    });
  });
}

void Daemon::say_goodbye(const std::string& last_words) {
  say(last_words);
  farewell_->is_ending = true;
  supervisor_.stopping();
  asio::post(pool_, [this] {  // on the disk before anybody hears of it
    const auto kept = state_.note_left();
    asio::post(core_, [this, kept] {
      if (is_leaving_ || !farewell_) return;
      if (kept.has_error())
        say("may come back at its next start, since that can't be kept: " + kept.error().message);
      say(fmt::format("says goodbye to {} members", members_->list().size() - 1));
      farewell_->is_said = true;
      leave();
    });
  });
}

void Daemon::say(const std::string& line) {
  spdlog::info("leaves: {}", line);
  farewell_->said.push_back(line);
}

}  // namespace brigade::daemon

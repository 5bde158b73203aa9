#include "cli/local_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "cli/interrupts.hpp"

namespace brigade::cli {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick{100};
constexpr milliseconds kStatusInterval{500};
constexpr double kStartSeconds = 20;    // after which a peer that can't be reached is worth a line
constexpr double kNodeLogInterval = 5;  // seconds between two `node` lines of a stage

// A daemon drains within 15 s of being asked (its own promise); a line that has lost a stage can't
// drain, so that waiting for it only delays the news.
constexpr milliseconds kDrainDeadline{15'000};
constexpr milliseconds kBrokenLineDeadline{2'000};
constexpr seconds kSaveGrace{15};  // after the deadline, for writing what is to be saved
constexpr seconds kTermGrace{5};   // after SIGTERM, before SIGKILL
constexpr milliseconds kAskTimeout{2'000};

}  // namespace

LocalRun::LocalRun(const RunFolder& folder, RunState& state, RunLog& log, Display& display,
                   Clock::time_point start)
    : folder_(folder), state_(state), log_(log), display_(display), start_(start) {}

double LocalRun::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void LocalRun::note(std::uint32_t stage, const std::string& text) {
  display_.note(fmt::format("stage {}: {}", stage, text));
}

// Daemons that are started together dial each other before all of them listen.
bool LocalRun::is_start_noise(const std::string& warning) const {
  return !state_.has_step() && seconds() < kStartSeconds &&
         warning.find("cannot reach") != std::string::npos;
}

void LocalRun::on_event(const NodeEvent& event) {
  state_.on_event(seconds(), event.stage, event.event);
  log_.on_event(seconds(), event.event, state_);
  if (event.event.has_warning() && !is_start_noise(event.event.warning().text())) {
    note(event.stage, event.event.warning().text());
  }
  if (event.event.has_checkpoint()) {
    const control::Checkpoint& checkpoint = event.event.checkpoint();
    if (checkpoint.change().starts_with("failed") && fault_.empty()) {
      fault_ = fmt::format("stage {}: checkpoint {} {}", event.stage, checkpoint.position(),
                           checkpoint.change());
    }
  }
  if (event.event.has_phase() && event.stage == 0 && event.event.phase().phase() == "training" &&
      event.event.phase().from_position() > 0) {
    note(0, fmt::format("goes on at micro-batch {}, epoch {}", event.event.phase().from_position(),
                        event.event.phase().epoch()));
  }
  if (event.event.has_peer() && !is_stopping_ && event.event.peer().is_notable()) {
    note(event.stage, fmt::format("link to stage {}: {}", event.event.peer().stage(),
                                  event.event.peer().change()));
  }
}

void LocalRun::log_nodes() {
  for (const control::NodeStatus& node : state_.nodes()) {
    if (!node.node().empty()) log_.write(node_json(seconds(), node));
  }
  next_node_log_ = seconds() + kNodeLogInterval;
}

void LocalRun::take_events() {
  for (const NodeEvent& event : watch_.wait(kTick)) on_event(event);
  if (seconds() >= next_node_log_) log_nodes();
  if (auto flushed = log_.flush(); !flushed) display_.note("warning: " + flushed.error().message);
  display_.refresh(state_, seconds());
}

std::optional<Ending> LocalRun::judge(Daemons& daemons) {
  if (auto death = daemons.poll_exit()) {
    return Ending{Ending::Kind::kDied, describe(*death), std::move(death)};
  }
  // To train on what can't be kept would only make the loss larger.
  if (!fault_.empty()) return Ending{Ending::Kind::kBlocked, fault_, std::nullopt};
  const auto blocked =
      std::find_if(state_.nodes().begin(), state_.nodes().end(),
                   [](const control::NodeStatus& node) { return node.phase() == "blocked"; });
  if (blocked != state_.nodes().end()) {
    return Ending{Ending::Kind::kBlocked,
                  fmt::format("stage {}: {}", blocked->stage(), blocked->error()), std::nullopt};
  }
  if (interrupts() > 0) return Ending{Ending::Kind::kInterrupted, "", std::nullopt};
  if (state_.is_over()) return Ending{};
  return std::nullopt;
}

bool LocalRun::stop(Daemons& daemons, milliseconds deadline, int interrupts_before) {
  is_stopping_ = true;
  const std::uint32_t stages = state_.heading().stages;
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    // One that can't be asked is already on its way out, or gets the signal below.
    (void)ask_to_stop(folder_.control_socket(stage).string(), deadline, kAskTimeout);
  }
  const Clock::time_point term_at = Clock::now() + deadline + kSaveGrace;
  bool was_signalled = false;
  bool is_clean = true;
  while (daemons.running() > 0) {
    take_events();
    while (auto exit = daemons.poll_exit()) is_clean = is_clean && exit->is_clean();
    if (interrupts() > interrupts_before || Clock::now() > term_at + kTermGrace) {
      daemons.signal(SIGKILL);
      is_clean = false;
    } else if (Clock::now() > term_at && !was_signalled) {
      daemons.signal(SIGTERM);
      was_signalled = true;
    }
  }
  return is_clean;
}

Ending LocalRun::run(Daemons& daemons) {
  for (std::uint32_t stage = 0; stage < state_.heading().stages; ++stage) {
    watch_.add(stage, folder_.control_socket(stage).string(), kStatusInterval);
  }
  std::optional<Ending> ending;
  while (!(ending = judge(daemons))) take_events();
  // What was on its way when the end was seen belongs to the run.
  take_events();
  log_nodes();
  const int interrupts_before = ending->kind == Ending::Kind::kInterrupted ? 1 : interrupts();
  if (ending->kind == Ending::Kind::kInterrupted) {
    display_.note("interrupted: the line drains and saves (again: stops at once)");
  }
  const bool is_broken = ending->kind == Ending::Kind::kDied;
  ending->is_saved =
      stop(daemons, is_broken ? kBrokenLineDeadline : kDrainDeadline, interrupts_before);
  ending->is_saved = ending->is_saved && fault_.empty();
  watch_.close();
  for (const NodeEvent& event : watch_.wait(milliseconds{0})) on_event(event);
  display_.finish(state_, seconds());
  return *ending;
}

RunTotals totals_of(const RunState& state, double seconds) {
  RunTotals totals;
  totals.microbatches = state.step().position();
  totals.tokens = state.step().tokens();
  totals.seconds = seconds;
  totals.tokens_per_s = state.mean_tokens_per_s();
  if (state.eval()) totals.val_loss = state.eval()->loss();
  for (const control::NodeStatus& node : state.nodes()) {
    // Also where nothing was left to do: a resume of a finished run reports no step.
    if (node.stage() == 0) totals.microbatches = std::max(totals.microbatches, node.position());
    totals.retried_microbatches += node.repeats();
    totals.lost_microbatches =
        std::max(totals.lost_microbatches, node.drawn() - std::min(node.drawn(), node.applied()));
  }
  totals.tokens = std::max(totals.tokens, state.tokens_at(totals.microbatches));
  return totals;
}

}  // namespace brigade::cli

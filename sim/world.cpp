#include "sim/world.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "sim/event_queue.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/trace.hpp"

namespace brigade::sim {
namespace {

constexpr Duration kStopDeadline = std::chrono::seconds{15};  // as a service manager has it
constexpr std::uint32_t kMostWakesAtOnce = 1000;

/// A line: link i joins hosts i and i + 1.
std::vector<Network::Edge> edges_of(const Scenario& scenario) {
  std::vector<Network::Edge> edges;
  for (std::uint32_t index = 0; index + 1 < scenario.stages; ++index) {
    LinkModel model = scenario.link;
    for (const auto& [link, other] : scenario.other_links) {
      if (link == index) model = other;
    }
    edges.push_back({index, index + 1, model});
  }
  return edges;
}

class World {
 public:
  World(const Scenario& scenario, std::uint64_t seed, const RunOptions& options);
  RunResult run();

 private:
  bool is_done();
  void dispatch(const Due& due);

  // Hosts and their cores.
  void start(std::uint32_t host);
  void wake(std::uint32_t host);
  void handle(std::uint32_t host, const swarm::Event& event);
  void carry_out_all(std::uint32_t host);
  void carry_out(std::uint32_t host, swarm::Action action);
  void start_task(std::uint32_t host, swarm::Action task);
  void measure_staleness(const swarm::Action& task);
  void finish_task(std::uint32_t host);
  void change_phase(std::uint32_t host, const swarm::PhaseChanged& change);
  void schedule_wake(std::uint32_t host);

  // Links.
  void deliver(const Due& due);
  void link_up(const Due& due);
  void link_down(const Due& due);

  // Faults.
  void begin_fault(std::uint32_t index);
  void end_fault(std::uint32_t index);
  void crash(std::uint32_t host);
  void heal();

  void fail(std::uint32_t host, const char* checker, std::string what);
  void finish(RunResult& result);

  const Scenario& scenario_;
  RunOptions options_;
  TimePoint now_;
  TimePoint deadline_;
  EventQueue queue_;
  std::vector<Host> hosts_;
  std::vector<TimePoint> wake_at_;  // the earliest wake-up in the queue, of each host
  Network network_;
  Random random_;
  bool is_healed_ = false;
  bool is_blocked_ = false;
  std::uint32_t over_ = 0;     // hosts
  std::uint32_t settled_ = 0;  // the first hosts that may leave
  std::uint32_t wakes_at_once_ = 0;
  std::uint64_t head_updates_ = 0;
  std::uint64_t head_staleness_ = 0;                    // of its newest backward
  std::map<MicrobatchId, std::uint64_t> forwarded_at_;  // at the head: its updates then

  Violations violations_;
  Shadow shadow_;
  std::vector<CheckerPtr> checkers_;
  Trace trace_;
  RunResult result_;
};

World::World(const Scenario& scenario, std::uint64_t seed, const RunOptions& options)
    : scenario_(scenario),
      options_(options),
      deadline_(TimePoint{} + scenario.heals_at + scenario.bound),
      wake_at_(scenario.stages, kNever),
      network_(scenario.stages, edges_of(scenario), mix_seed(seed, 2), queue_),
      random_(mix_seed(seed, 1)),
      shadow_(scenario, scenario.stages),
      trace_(options.live_trace) {
  for (std::uint32_t host = 0; host < scenario.stages; ++host) {
    hosts_.emplace_back(scenario, host, seed);
  }
  if (options.has_checks) checkers_ = make_all_checkers({scenario_, shadow_, violations_});
  for (std::uint32_t host = 0; host < scenario.stages; ++host) {
    queue_.push(now_ + uniform({}, scenario.start_spread).sample(random_), DueKind::kStart, host,
                0);
  }
  for (std::uint32_t index = 0; index < scenario.faults.size(); ++index) {
    queue_.push(now_ + scenario.faults[index].at, DueKind::kFault, index, 0);
  }
  if (scenario.heals_at > Duration::zero()) {
    queue_.push(now_ + scenario.heals_at, DueKind::kHeal, 0, 0);
  }
}

bool World::is_done() {
  if (violations_.first().has_value() || is_blocked_) return true;
  if (over_ < hosts_.size()) return false;
  if (scenario_.ending == Ending::kSaved) return true;
  while (settled_ < hosts_.size() && hosts_[settled_].is_settled()) ++settled_;
  return settled_ == hosts_.size();
}

RunResult World::run() {
  while (!is_done()) {
    if (queue_.is_empty()) {
      fail(0, "liveness", "nothing is due and the run has not ended");
      break;
    }
    const Due due = queue_.pop();
    if (due.at > deadline_ || result_.events > options_.most_events) {
      fail(0, "liveness",
           "the run has not ended " +
               std::to_string(
                   std::chrono::duration_cast<std::chrono::seconds>(scenario_.bound).count()) +
               " s of virtual time after the last fault");
      break;
    }
    BRIGADE_CHECK(due.at >= now_);
    if (due.at != now_) wakes_at_once_ = 0;
    now_ = due.at;
    violations_.set_now(now_);
    dispatch(due);
  }
  if (!violations_.first()) {
    for (const CheckerPtr& checker : checkers_) checker->on_end();
  }
  finish(result_);
  return std::move(result_);
}

void World::finish(RunResult& result) {
  result.violation = violations_.first();
  result.trace_hash = trace_.hash();
  if (result.violation) result.trace_tail = trace_.tail();
  result.ended = now_;
  for (std::uint32_t host = 0; host < hosts_.size(); ++host) {
    result.weights.push_back(hosts_[host].weights());
    result.most_held_bytes = std::max(result.most_held_bytes, shadow_.host(host).most_held_bytes);
    result.epochs = std::max(result.epochs, shadow_.host(host).epoch.value());
  }
  result.lost = network_.lost();
  result.duplicated = network_.duplicated();
}

void World::dispatch(const Due& due) {
  switch (due.kind) {
    case DueKind::kStart:
      start(due.target);
      break;
    case DueKind::kWake:
      if (due.at == wake_at_[due.target] && due.stamp == hosts_[due.target].incarnation()) {
        wake(due.target);
      }
      break;
    case DueKind::kCompute:
      if (due.stamp == hosts_[due.target].incarnation()) finish_task(due.target);
      break;
    case DueKind::kDisk:
      if (due.stamp == hosts_[due.target].incarnation()) {
        handle(due.target, hosts_[due.target].finish_store());
      }
      break;
    case DueKind::kWire:
      network_.on_wire_free(due);
      break;
    case DueKind::kDeliver:
      deliver(due);
      break;
    case DueKind::kLinkUp:
      link_up(due);
      break;
    case DueKind::kLinkDown:
      link_down(due);
      break;
    case DueKind::kFault:
      if (!is_healed_) begin_fault(due.target);
      break;
    case DueKind::kFaultEnd:
      if (!is_healed_) end_fault(due.target);
      break;
    case DueKind::kGiveUp:  // of swarms
    case DueKind::kSample:
      break;
    case DueKind::kHeal:
      heal();
      break;
  }
}

void World::start(std::uint32_t host) {
  if (hosts_[host].is_alive()) return;
  const swarm::StartState& state = hosts_[host].start(now_);
  if (options_.has_checks) {
    trace_.note(now_, host, "starts", state.max_epoch.value());
    shadow_.on_start(host);
    for (const CheckerPtr& checker : checkers_) checker->on_start(host, state);
    if (host == 0 && hosts_[host].incarnation() > 1) {
      result_.branches.add(Branch::kHeadRestarted);
    }
  }
  wake_at_[host] = kNever;
  carry_out_all(host);
  network_.set_alive(now_, host, true);
}

void World::wake(std::uint32_t host) {
  wake_at_[host] = kNever;
  if (hosts_[host].node().next_wakeup() > now_) {
    schedule_wake(host);
    return;
  }
  if (++wakes_at_once_ > kMostWakesAtOnce + 8 * hosts_.size()) {
    fail(host, "liveness", "asks to be woken again and again at the same instant");
    return;
  }
  handle(host, swarm::Tick{});
}

void World::schedule_wake(std::uint32_t host) {
  const TimePoint wanted = std::max(hosts_[host].node().next_wakeup(), now_);
  if (wanted >= wake_at_[host]) return;
  wake_at_[host] = wanted;
  queue_.push(wanted, DueKind::kWake, host, hosts_[host].incarnation());
}

void World::handle(std::uint32_t host, const swarm::Event& event) {
  if (!hosts_[host].is_alive()) return;
  ++result_.events;
  if (options_.has_checks) {
    trace_.add(now_, host, event);
    count_branches(shadow_, host, event, result_.branches);
    shadow_.on_event(host, event);
    for (const CheckerPtr& checker : checkers_) checker->on_event(host, event);
  }
  hosts_[host].node().handle(now_, event);
  carry_out_all(host);
}

void World::carry_out_all(std::uint32_t host) {
  swarm::Node& node = hosts_[host].node();
  while (auto action = node.poll_action()) {
    if (options_.has_checks) {
      trace_.add(now_, host, *action);
      count_branches(scenario_, shadow_, host, *action, result_.branches);
      for (const CheckerPtr& checker : checkers_) checker->on_action(host, *action);
      shadow_.on_action(host, *action);
      if (violations_.first()) return;
    }
    carry_out(host, std::move(*action));
  }
  if (options_.has_checks) {
    const swarm::Status status = node.status();
    for (const CheckerPtr& checker : checkers_) checker->on_settled(host, status);
  }
  schedule_wake(host);
}

void World::carry_out(std::uint32_t host, swarm::Action action) {
  if (auto* send_action = std::get_if<swarm::Send>(&action)) {
    if (!network_.send(now_, host, to_host(send_action->to), std::move(send_action->message))) {
      fail(host, "links", "sends to a node that it has no link with");
    }
  } else if (const auto* forget = std::get_if<swarm::Forget>(&action)) {
    hosts_[host].forget(forget->id);
  } else if (const auto* store = std::get_if<swarm::StoreSnapshot>(&action)) {
    queue_.push(now_ + hosts_[host].start_store(store->checkpoint), DueKind::kDisk, host,
                hosts_[host].incarnation());
  } else if (const auto* remove = std::get_if<swarm::RemoveCheckpoint>(&action)) {
    hosts_[host].remove(remove->checkpoint);
  } else if (const auto* step = std::get_if<swarm::StepReported>(&action)) {
    result_.steps.push_back({now_, *step, head_staleness_});
  } else if (const auto* window = std::get_if<swarm::WindowChanged>(&action)) {
    result_.windows.push_back({now_, *window});
  } else if (const auto* phase = std::get_if<swarm::PhaseChanged>(&action)) {
    change_phase(host, *phase);
  } else if (std::holds_alternative<swarm::RunForward>(action) ||
             std::holds_alternative<swarm::RunBackward>(action) ||
             std::holds_alternative<swarm::RunUpdate>(action) ||
             std::holds_alternative<swarm::RunSnapshot>(action) ||
             std::holds_alternative<swarm::RunRestore>(action)) {
    start_task(host, std::move(action));
  }
}

void World::start_task(std::uint32_t host, swarm::Action task) {
  if (hosts_[host].is_computing()) {
    fail(host, "order", "a compute task was started while another one is running");
    return;
  }
  if (host == 0) measure_staleness(task);
  const Duration duration = hosts_[host].start_task(now_, std::move(task));
  queue_.push(now_ + duration, DueKind::kCompute, host, hosts_[host].incarnation());
}

/// The head's, counted from its tasks: what its core says about itself is not asked.
void World::measure_staleness(const swarm::Action& task) {
  if (const auto* forward = std::get_if<swarm::RunForward>(&task)) {
    if (forward->keeps) forwarded_at_[forward->id] = head_updates_;
  } else if (const auto* backward = std::get_if<swarm::RunBackward>(&task)) {
    const auto found = forwarded_at_.find(backward->id);
    if (found == forwarded_at_.end()) return;
    head_staleness_ = head_updates_ - found->second;
    forwarded_at_.erase(found);
  } else if (std::holds_alternative<swarm::RunUpdate>(task)) {
    ++head_updates_;
  } else if (std::holds_alternative<swarm::RunRestore>(task)) {
    forwarded_at_.clear();
  }
}

void World::finish_task(std::uint32_t host) {
  const std::optional<swarm::Event> event = hosts_[host].finish_task();
  if (event) {
    handle(host, *event);
  } else {
    fail(host, "ledger", "a backward was asked for without anything kept for it");
  }
}

void World::change_phase(std::uint32_t host, const swarm::PhaseChanged& change) {
  if (change.phase == swarm::Phase::kBlocked && scenario_.ending == Ending::kBlocked) {
    is_blocked_ = true;
  }
  if (change.phase != swarm::Phase::kOver || hosts_[host].is_over()) return;
  hosts_[host].set_over();
  ++over_;
}

void World::deliver(const Due& due) {
  auto arrival = network_.deliver(due);
  if (!arrival || !hosts_[arrival->to].is_alive()) return;
  if (auto* forward = std::get_if<swarm::Forward>(&arrival->message)) {
    hosts_[arrival->to].adopt(forward->payload);
  } else if (auto* backward = std::get_if<swarm::Backward>(&arrival->message)) {
    hosts_[arrival->to].adopt(backward->payload);
  }
  handle(arrival->to, swarm::Received{to_node_id(arrival->from), std::move(arrival->message)});
}

void World::link_up(const Due& due) {
  const auto change = network_.bring_up(due);
  if (!change) return;
  handle(change->host, swarm::LinkUp{to_node_id(change->peer), StageIndex{change->peer}});
}

void World::link_down(const Due& due) {
  const auto change = network_.take_down(due);
  if (change) handle(change->host, swarm::LinkDown{to_node_id(change->peer)});
}

void World::begin_fault(std::uint32_t index) {
  const Fault& fault = scenario_.faults[index];
  if (options_.has_checks) {
    trace_.note(now_, fault.target, "fault", static_cast<std::uint64_t>(fault.kind));
  }
  switch (fault.kind) {
    case Fault::Kind::kBreakLink:
      network_.set_broken(now_, fault.target, true);
      break;
    case Fault::Kind::kSilentLink:
      network_.set_silent(fault.target, true);
      break;
    case Fault::Kind::kCrash:
      crash(fault.target);
      break;
    case Fault::Kind::kWipe:
      crash(fault.target);
      hosts_[fault.target].wipe();
      break;
    case Fault::Kind::kSlow:
      hosts_[fault.target].set_slowness(fault.factor);
      break;
    case Fault::Kind::kNarrowLink:
      network_.set_slowness(fault.target, fault.factor, 1);
      break;
    case Fault::Kind::kFarLink:
      network_.set_slowness(fault.target, 1, fault.factor);
      break;
    case Fault::Kind::kRejecting:
      hosts_[fault.target].set_rejecting(fault.factor);
      break;
    case Fault::Kind::kDiskFull:
      hosts_[fault.target].set_disk_full(true);
      break;
    case Fault::Kind::kStop:
      handle(fault.target,
             swarm::StopRequested{fault.lasts > Duration::zero() ? now_ + fault.lasts : kNever});
      return;
  }
  queue_.push(now_ + fault.lasts, DueKind::kFaultEnd, index, 0);
}

void World::end_fault(std::uint32_t index) {
  const Fault& fault = scenario_.faults[index];
  switch (fault.kind) {
    case Fault::Kind::kBreakLink:
      network_.set_broken(now_, fault.target, false);
      break;
    case Fault::Kind::kSilentLink:
      network_.set_silent(fault.target, false);
      break;
    case Fault::Kind::kCrash:
    case Fault::Kind::kWipe:
      start(fault.target);
      break;
    case Fault::Kind::kSlow:
      hosts_[fault.target].set_slowness(1);
      break;
    case Fault::Kind::kNarrowLink:
    case Fault::Kind::kFarLink:
      network_.set_slowness(fault.target, 1, 1);
      break;
    case Fault::Kind::kRejecting:
      hosts_[fault.target].set_rejecting(0);
      break;
    case Fault::Kind::kDiskFull:
      hosts_[fault.target].set_disk_full(false);
      break;
    case Fault::Kind::kStop:
      break;
  }
}

void World::crash(std::uint32_t host) {
  if (!hosts_[host].is_alive() || hosts_[host].is_over()) return;
  if (options_.has_checks) {
    trace_.note(now_, host, "crashes", 0);
    shadow_.on_crash(host);
    for (const CheckerPtr& checker : checkers_) checker->on_crash(host);
  }
  hosts_[host].crash();
  network_.set_alive(now_, host, false);
}

void World::heal() {
  is_healed_ = true;
  for (std::uint32_t host = 0; host < hosts_.size(); ++host) {
    hosts_[host].heal();
    start(host);
  }
  network_.heal(now_);
  if (scenario_.ending != Ending::kSaved) return;
  for (std::uint32_t host = 0; host < hosts_.size(); ++host) {
    if (!hosts_[host].is_over()) handle(host, swarm::StopRequested{now_ + kStopDeadline});
  }
}

void World::fail(std::uint32_t host, const char* checker, std::string what) {
  violations_.report(checker, host, std::move(what));
}

}  // namespace

RunResult run(const Scenario& scenario, std::uint64_t seed, const RunOptions& options) {
  return World(scenario, seed, options).run();
}

}  // namespace brigade::sim

#include "sim/swarm_world.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "sim/checkers/swarm_checker.hpp"
#include "sim/event_queue.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/swarm_host.hpp"
#include "sim/swarm_links.hpp"
#include "sim/trace.hpp"

namespace brigade::sim {
namespace {

// A host that stands still for longer than this loses its links: its peers' pings are not answered.
constexpr Duration kLinksEndureFreeze = std::chrono::seconds{6};
constexpr Duration kLook = std::chrono::milliseconds{500};  // how often the end is looked for
constexpr std::uint32_t kMostWakesAtOnce = 2000;

class SwarmWorld {
 public:
  SwarmWorld(const SwarmScenario& scenario, std::uint64_t seed, const RunOptions& options);
  SwarmResult run();

 private:
  void dispatch(const Due& due);
  std::optional<std::uint32_t> host_of(const Due& due) const;

  void start(std::uint32_t host);
  void crash(std::uint32_t host);
  void freeze(std::uint32_t host);
  void thaw(std::uint32_t host);
  void wake(std::uint32_t host);
  void schedule_wake(std::uint32_t host);
  void handle(std::uint32_t host, const swarm::Event& event);
  void carry_out(std::uint32_t host, swarm::Action action);
  void start_task(std::uint32_t host, swarm::Action task);
  void deliver(const Due& due);

  void begin_fault(std::uint32_t index);
  void end_fault(std::uint32_t index);
  void take_up(std::uint32_t fault);
  void heal();
  bool is_at_rest() const;
  SwarmSample sample() const;
  void fail(std::uint32_t host, const char* checker, std::string what) {
    violations_.report(checker, host, std::move(what));
  }
  template <class Told>
  void tell_checkers(Told told) {
    for (const SwarmCheckerPtr& checker : checkers_) told(*checker);
  }

  const SwarmScenario& scenario_;
  RunOptions options_;
  TimePoint now_;
  TimePoint deadline_;
  EventQueue queue_;
  std::vector<SwarmHost> hosts_;
  std::vector<TimePoint> wake_at_;
  SwarmLinks links_;
  Network& network_;
  Random random_;
  bool is_healed_ = false;
  bool is_done_ = false;
  std::uint32_t wakes_at_once_ = 0;
  std::vector<std::uint64_t> applied_;  // by each host's present instance
  std::vector<Duration> busy_;          // of each host's device

  Violations violations_;
  std::vector<SwarmCheckerPtr> checkers_;
  Trace trace_;
  SwarmResult result_;
};

SwarmWorld::SwarmWorld(const SwarmScenario& scenario, std::uint64_t seed, const RunOptions& options)
    : scenario_(scenario),
      options_(options),
      deadline_(TimePoint{} + scenario.heals_at + scenario.bound),
      wake_at_(scenario.hosts(), kNever),
      links_(scenario, mix_seed(seed, 2), queue_),
      network_(links_.network()),
      random_(mix_seed(seed, 1)),
      applied_(scenario.hosts(), 0),
      busy_(scenario.hosts()),
      trace_(options.live_trace) {
  for (std::uint32_t host = 0; host < scenario.hosts(); ++host) {
    hosts_.emplace_back(scenario, host, seed);
    queue_.push(now_ + uniform({}, scenario.start_spread).sample(random_), DueKind::kStart, host,
                0);
  }
  if (options.has_checks) checkers_ = make_swarm_checkers(scenario, violations_);
  for (std::uint32_t index = 0; index < scenario.faults.size(); ++index) {
    queue_.push(now_ + scenario.faults[index].at, DueKind::kFault, index, 0);
  }
  queue_.push(now_ + scenario.heals_at, DueKind::kHeal, 0, 0);
  if (options.sample_every > Duration::zero()) queue_.push(now_, DueKind::kSample, 0, 0);
  result_.applied.resize(scenario.hosts());
}

SwarmResult SwarmWorld::run() {
  while (!is_done_ && !violations_.first()) {
    BRIGADE_CHECK(!queue_.is_empty());
    const Due due = queue_.pop();
    if (due.at > deadline_ || result_.events > options_.most_events) {
      std::string who;
      for (const SwarmHost& host : hosts_) who += host.what_it_holds();
      fail(0, "liveness", "not at rest; in flight + kept by host:" + who);
      break;
    }
    if (due.at != now_) wakes_at_once_ = 0;
    now_ = due.at;
    violations_.set_now(now_);
    dispatch(due);
  }
  if (!violations_.first() && is_healed_) {
    tell_checkers([](SwarmChecker& checker) { checker.on_end(); });
  }
  result_.violation = violations_.first();
  result_.trace_hash = trace_.hash();
  if (result_.violation) result_.trace_tail = trace_.tail();
  result_.ended = now_;
  result_.lost = network_.lost();
  return std::move(result_);
}

std::optional<std::uint32_t> SwarmWorld::host_of(const Due& due) const {
  switch (due.kind) {
    case DueKind::kWake:
    case DueKind::kCompute:
    case DueKind::kDisk:
      return due.target;
    case DueKind::kLinkUp:
    case DueKind::kLinkDown:
    case DueKind::kDeliver: {
      const Network::Edge& edge = links_.edge(due.target / 2);
      const bool is_at_b = (due.target % 2 == 1) != (due.kind == DueKind::kDeliver);
      return is_at_b ? edge.b : edge.a;
    }
    default:
      return std::nullopt;
  }
}

void SwarmWorld::dispatch(const Due& due) {
  const auto host = host_of(due);
  if (host && hosts_[*host].is_frozen) return hosts_[*host].waiting.push_back(due);
  switch (due.kind) {
    case DueKind::kStart:
      return start(due.target);
    case DueKind::kWake:
      if (due.at >= wake_at_[due.target] && due.stamp == hosts_[due.target].incarnation()) {
        wake(due.target);
      }
      return;
    case DueKind::kCompute:
      if (due.stamp != hosts_[due.target].incarnation()) return;
      if (const auto event = hosts_[due.target].finish_task()) {
        handle(due.target, *event);
      } else {
        fail(due.target, "order", "a backward was asked for without anything kept for it");
      }
      return;
    case DueKind::kWire:
      return network_.on_wire_free(due);
    case DueKind::kDeliver:
      return deliver(due);
    case DueKind::kLinkUp:
      if (const auto change = network_.bring_up(due)) {
        handle(change->host,
               swarm::LinkUp{to_node_id(change->peer), StageIndex{scenario_.stage_of(change->peer)},
                             hosts_[change->peer].instance()});
      }
      return;
    case DueKind::kLinkDown:
      if (const auto change = network_.take_down(due)) {
        handle(change->host, swarm::LinkDown{to_node_id(change->peer)});
      }
      return;
    case DueKind::kFault:
      if (!is_healed_) begin_fault(due.target);
      return;
    case DueKind::kFaultEnd:
      if (!is_healed_) end_fault(due.target);
      return;
    case DueKind::kDisk:
      if (due.stamp != hosts_[due.target].incarnation()) return;
      return handle(due.target, hosts_[due.target].finish_write());
    case DueKind::kGiveUp:
      if (due.stamp == hosts_[due.target].incarnation() && hosts_[due.target].is_frozen) {
        network_.set_frozen(now_, due.target, true);
      }
      return;
    case DueKind::kSample:
      options_.on_sample(sample());
      return queue_.push(now_ + options_.sample_every, DueKind::kSample, 0, 0);
    case DueKind::kHeal:
      if (scenario_.ends_unhealed) {
        is_done_ = true;
        return;
      }
      if (!std::exchange(is_healed_, true)) heal();
      if (is_at_rest()) {
        is_done_ = true;
      } else {
        queue_.push(now_ + kLook, DueKind::kHeal, 0, 0);
      }
  }
}

// ---- hosts --------------------------------------------------------------------------------------

void SwarmWorld::start(std::uint32_t index) {
  SwarmHost& host = hosts_[index];
  if (host.is_alive() || host.is_away) return;
  host.start(now_);
  applied_[index] = 0;
  if (options_.has_checks) {
    trace_.note(now_, index, "starts", host.instance());
    tell_checkers([&](SwarmChecker& checker) { checker.on_start(index, host.instance()); });
  }
  wake_at_[index] = kNever;
  network_.set_alive(now_, index, true);
  handle(index, swarm::Tick{});
  handle(index, swarm::StartFrom{host.newest()});
  if (scenario_.links_own == 0) return;
  const std::uint32_t stage = scenario_.stage_of(index);
  handle(index, swarm::ReplicasCounted{scenario_.hosts_of(stage), scenario_.hosts_of(stage + 1)});
}

void SwarmWorld::crash(std::uint32_t index) {
  if (!hosts_[index].is_alive()) return;
  if (options_.has_checks) {
    trace_.note(now_, index, "dies", hosts_[index].instance());
    tell_checkers([&](SwarmChecker& checker) { checker.on_crash(index); });
    result_.branches.on_crash(index);
  }
  result_.lost_progress += applied_[index];
  hosts_[index].crash();
  network_.set_alive(now_, index, false);
  links_.forget(now_, index);
}

void SwarmWorld::freeze(std::uint32_t index) {
  SwarmHost& host = hosts_[index];
  if (!host.is_alive() || host.is_frozen) return;
  host.is_frozen = true;
  queue_.push(now_ + kLinksEndureFreeze, DueKind::kGiveUp, index, host.incarnation());
}

void SwarmWorld::thaw(std::uint32_t index) {
  SwarmHost& host = hosts_[index];
  if (!host.is_alive() || !host.is_frozen) return;
  host.is_frozen = false;
  for (Due due : std::exchange(host.waiting, {}))
    queue_.push(now_, due.kind, due.target, due.stamp);
  network_.set_frozen(now_, index, false);
}

void SwarmWorld::wake(std::uint32_t host) {
  wake_at_[host] = kNever;
  if (hosts_[host].node().next_wakeup() > now_) return schedule_wake(host);
  if (++wakes_at_once_ > kMostWakesAtOnce + 8 * hosts_.size()) {
    return fail(host, "liveness", "asks to be woken again and again at the same instant");
  }
  handle(host, swarm::Tick{});
}

void SwarmWorld::schedule_wake(std::uint32_t host) {
  const TimePoint wanted = std::max(hosts_[host].node().next_wakeup(), now_);
  if (wanted >= wake_at_[host]) return;
  wake_at_[host] = wanted;
  queue_.push(wanted, DueKind::kWake, host, hosts_[host].incarnation());
}

void SwarmWorld::handle(std::uint32_t index, const swarm::Event& event) {
  SwarmHost& host = hosts_[index];
  if (!host.is_alive()) return;
  ++result_.events;
  if (std::holds_alternative<swarm::BackwardDone>(event)) {
    ++result_.applied[index];
    ++applied_[index];
  }
  if (options_.has_checks) {
    trace_.add(now_, index, event);
    result_.branches.on_event(index, event);
    tell_checkers([&](SwarmChecker& checker) { checker.on_event(index, event); });
  }
  host.node().handle(now_, event);
  while (auto action = host.node().poll_action()) {
    if (options_.has_checks) {
      trace_.add(now_, index, *action);
      result_.branches.on_action(index, *action);
      tell_checkers([&](SwarmChecker& checker) { checker.on_action(index, *action); });
      if (violations_.first()) return;
    }
    carry_out(index, std::move(*action));
  }
  if (options_.has_checks) {
    const swarm::Status status = host.node().status();
    tell_checkers([&](SwarmChecker& checker) { checker.on_settled(index, status); });
  }
  schedule_wake(index);
}

void SwarmWorld::carry_out(std::uint32_t host, swarm::Action action) {
  if (auto* send = std::get_if<swarm::Send>(&action)) {
    if (scenario_.is_liar(host) && !tell_lie(send->message)) return;
    if (!network_.send(now_, host, to_host(send->to), std::move(send->message))) {
      fail(host, "links", "sends to a node that it has no link with");
    }
  } else if (const auto* forget = std::get_if<swarm::Forget>(&action)) {
    hosts_[host].forget(forget->id);
  } else if (const auto* step = std::get_if<swarm::StepReported>(&action)) {
    result_.steps.push_back({now_, host, step->id});
  } else if (const auto* said = std::get_if<swarm::PathReported>(&action)) {
    result_.notes.push_back({now_, host, *said});
    result_.written_off += said->kind == swarm::PathReported::Kind::kWrittenOff ? 1 : 0;
  } else if (const auto* link = std::get_if<swarm::LinkWanted>(&action)) {
    links_.want(now_, host, to_host(link->peer), link->is_wanted);
  } else if (const auto* phase = std::get_if<swarm::PhaseChanged>(&action)) {
    hosts_[host].is_over = phase->phase == swarm::Phase::kOver;
  } else if (const auto* store = std::get_if<swarm::StoreSnapshot>(&action)) {
    queue_.push(now_ + hosts_[host].start_write(store->checkpoint), DueKind::kDisk, host,
                hosts_[host].incarnation());
  } else if (const auto* removed = std::get_if<swarm::RemoveCheckpoint>(&action)) {
    hosts_[host].remove(removed->checkpoint);
  } else if (is_task(action)) {
    start_task(host, std::move(action));
  }
}

void SwarmWorld::start_task(std::uint32_t host, swarm::Action task) {
  if (hosts_[host].is_computing()) {
    return fail(host, "order", "a compute task was started while another one is running");
  }
  const Duration duration = hosts_[host].start_task(std::move(task));
  busy_[host] += duration;
  queue_.push(now_ + duration, DueKind::kCompute, host, hosts_[host].incarnation());
}

void SwarmWorld::deliver(const Due& due) {
  auto arrival = network_.deliver(due);
  if (!arrival || !hosts_[arrival->to].is_alive()) return;
  if (auto* forward = std::get_if<swarm::Forward>(&arrival->message)) {
    hosts_[arrival->to].adopt(forward->payload);
  } else if (auto* backward = std::get_if<swarm::Backward>(&arrival->message)) {
    hosts_[arrival->to].adopt(backward->payload);
  } else if (auto* share = std::get_if<swarm::Share>(&arrival->message)) {
    hosts_[arrival->to].adopt(share->payload);
  }
  handle(arrival->to, swarm::Received{to_node_id(arrival->from), std::move(arrival->message)});
}

// ---- faults -------------------------------------------------------------------------------------

void SwarmWorld::begin_fault(std::uint32_t index) {
  using Kind = SwarmFault::Kind;
  const SwarmFault& fault = scenario_.faults[index];
  if (options_.has_checks) {
    trace_.note(now_, fault.target, "fault", static_cast<std::uint64_t>(fault.kind));
  }
  switch (fault.kind) {
    case Kind::kKill:
      crash(fault.target);
      if (fault.lasts == Duration::zero()) hosts_[fault.target].is_away = true;
      break;
    case Kind::kFreeze:
      freeze(fault.target);
      break;
    case Kind::kCut:
    case Kind::kMute:
    case Kind::kSplit:
      links_.cut(now_, fault, 1);
      break;
    case Kind::kSlow:
      hosts_[fault.target].set_slowness(fault.factor);
      break;
    case Kind::kLeave:
      handle(fault.target,
             swarm::StopRequested{fault.lasts > Duration::zero() ? now_ + fault.lasts : kNever});
      return;
    case Kind::kDrain:
      handle(fault.target, swarm::StopRequested{});
      break;
  }
  queue_.push(now_ + fault.lasts, DueKind::kFaultEnd, index, 0);
}

void SwarmWorld::end_fault(std::uint32_t index) {
  using Kind = SwarmFault::Kind;
  const SwarmFault& fault = scenario_.faults[index];
  switch (fault.kind) {
    case Kind::kKill:
      return start(fault.target);
    case Kind::kFreeze:
      return thaw(fault.target);
    case Kind::kCut:
    case Kind::kMute:
    case Kind::kSplit:
      return links_.cut(now_, fault, -1);
    case Kind::kSlow:
      return hosts_[fault.target].set_slowness(1);
    case Kind::kLeave:
      return;
    case Kind::kDrain:
      return take_up(index);
  }
}

/// As a daemon does: it waits until it holds nothing, and is made anew.
void SwarmWorld::take_up(std::uint32_t fault) {
  const std::uint32_t index = scenario_.faults[fault].target;
  const SwarmHost& host = hosts_[index];
  if (!host.is_alive() || host.is_frozen) return;
  const swarm::Phase phase = host.node().status().phase;
  if (phase == swarm::Phase::kDraining) {
    return queue_.push(now_ + kLook, DueKind::kFaultEnd, fault, 0);
  }
  if (phase != swarm::Phase::kOver) return;  // it has died meanwhile, and is back
  applied_[index] = 0;                       // what it has learned lies on its disk
  crash(index);
  start(index);
  if (options_.has_checks) result_.branches.on_taken_up();
}

void SwarmWorld::heal() {
  links_.heal(now_);
  for (std::uint32_t host = 0; host < hosts_.size(); ++host) {
    hosts_[host].set_slowness(1);
    thaw(host);
    start(host);
  }
}

SwarmSample SwarmWorld::sample() const {
  SwarmSample sample{now_, {}};
  for (std::uint32_t host = 0; host < hosts_.size(); ++host) {
    const bool is_alive = hosts_[host].is_alive();
    const double staleness = is_alive ? hosts_[host].node().status().staleness_mean : 0;
    sample.hosts.push_back({result_.applied[host], busy_[host], is_alive, staleness});
  }
  return sample;
}

bool SwarmWorld::is_at_rest() const {
  for (std::uint32_t index = 0; index < hosts_.size(); ++index) {
    const SwarmHost& host = hosts_[index];
    if (!host.is_alive() || host.is_over) continue;
    const swarm::Status status = host.node().status();
    const bool holds = status.in_flight > 0 || status.kept_gradients > 0 || status.evaluations > 0;
    if (holds || host.is_computing() || status.is_averaging) return false;
    const bool is_drawing = scenario_.stage_of(index) == 0 &&
                            status.phase != swarm::Phase::kDraining &&
                            status.position < scenario_.options.steps;
    const bool is_leaving = status.phase == swarm::Phase::kDraining;  // it stores, then is over
    if (is_drawing || is_leaving) return false;
  }
  return true;
}

}  // namespace

SwarmResult run(const SwarmScenario& scenario, std::uint64_t seed, const RunOptions& options) {
  return SwarmWorld(scenario, seed, options).run();
}

}  // namespace brigade::sim

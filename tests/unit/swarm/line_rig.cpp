#include "tests/unit/swarm/line_rig.hpp"

#include <algorithm>
#include <stdexcept>

namespace brigade::swarm::test {
namespace {

void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

Payload* payload_of(Event& event) {
  if (auto* received = std::get_if<Received>(&event)) {
    if (auto* forward = std::get_if<Forward>(&received->message)) return &forward->payload;
    if (auto* backward = std::get_if<Backward>(&received->message)) return &backward->payload;
  }
  if (auto* forward = std::get_if<ForwardDone>(&event)) return &forward->output;
  if (auto* backward = std::get_if<BackwardDone>(&event)) return &backward->gradient;
  return nullptr;
}

bool is_answer(const Event& event) {
  return std::holds_alternative<ForwardDone>(event) ||
         std::holds_alternative<BackwardDone>(event) || std::holds_alternative<UpdateDone>(event) ||
         std::holds_alternative<SnapshotTaken>(event) ||
         std::holds_alternative<RestoreDone>(event) || std::holds_alternative<InputRejected>(event);
}

}  // namespace

NodeId node_id(std::uint32_t stage) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(stage + 1);
  id.bytes[1] = static_cast<std::uint8_t>((stage + 1) >> 8);
  return id;
}

LineRig::LineRig(std::uint32_t stages, const std::function<void(Options&)>& tweak)
    : done(stages),
      phases(stages),
      misbehaved(stages),
      repeated(stages),
      disks(stages),
      hosts_(stages),
      links_(stages, true) {
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    Options& options = hosts_[stage].options;
    options.self = node_id(stage);
    options.stage = StageIndex{stage};
    options.stages = stages;
    options.seed = 7;
    options.window = stages;
    options.steps = 20;
    if (tweak) tweak(options);
  }
  for (std::uint32_t stage = 0; stage < stages; ++stage) start(stage);
  for (std::uint32_t stage = 0; stage + 1 < stages; ++stage) join_link(stage);
}

void LineRig::start(std::uint32_t stage) {
  Host& host = hosts_[stage];
  ++host.incarnation;
  host.held.clear();
  host.kept.clear();
  host.is_computing = false;
  StartState state{{disks[stage].begin(), disks[stage].end()}, host.max_epoch};
  host.node = std::make_unique<Node>(host.options, state, now_);
  at(Duration{0}, stage, Tick{});
}

void LineRig::restart(std::uint32_t stage, bool keeps_disk) {
  Host& host = hosts_[stage];
  if (stage > 0 && links_[stage - 1]) break_link(stage - 1);
  if (stage + 1 < hosts_.size() && links_[stage]) break_link(stage);
  if (!keeps_disk) {
    disks[stage].clear();
    host.max_epoch = Epoch{};
  }
  start(stage);
  if (stage > 0) join_link(stage - 1);
  if (stage + 1 < hosts_.size()) join_link(stage);
}

void LineRig::break_link(std::uint32_t stage) {
  links_[stage] = false;
  give(stage, LinkDown{node_id(stage + 1)});
  give(stage + 1, LinkDown{node_id(stage)});
}

void LineRig::join_link(std::uint32_t stage) {
  links_[stage] = true;
  at(kLink, stage, LinkUp{node_id(stage + 1), StageIndex{stage + 1}});
  at(kLink, stage + 1, LinkUp{node_id(stage), StageIndex{stage}});
}

void LineRig::reject_once(std::uint32_t stage, Direction direction) {
  hosts_[stage].rejects = direction;
}

void LineRig::at(Duration later, std::uint32_t stage, Event event) {
  pending_.emplace(now_ + later, Pending{stage, hosts_[stage].incarnation, std::move(event)});
}

void LineRig::give(std::uint32_t stage, const Event& event) {
  Event mine = event;
  if (Payload* payload = payload_of(mine); payload != nullptr && !payload->is_empty()) {
    hosts_[stage].held.insert(payload->id.value());
  }
  if (is_answer(mine)) hosts_[stage].is_computing = false;
  hosts_[stage].node->handle(now_, mine);
  drain(stage);
}

void LineRig::drain(std::uint32_t stage) {
  while (auto action = hosts_[stage].node->poll_action()) carry_out(stage, std::move(*action));
}

void LineRig::step() {
  TimePoint next = pending_.empty() ? kNever : pending_.begin()->first;
  for (const Host& host : hosts_) next = std::min(next, host.node->next_wakeup());
  if (next == kNever) return;
  expect(next >= TimePoint{}, "a wake-up before time began");
  now_ = std::max(now_, next);
  if (!pending_.empty() && pending_.begin()->first <= now_) {
    const Pending pending = pending_.begin()->second;
    pending_.erase(pending_.begin());
    if (pending.incarnation == hosts_[pending.stage].incarnation) {
      give(pending.stage, pending.event);
    }
    return;
  }
  for (std::uint32_t stage = 0; stage < hosts_.size(); ++stage) {
    if (hosts_[stage].node->next_wakeup() <= now_) {
      give(stage, Tick{});
      expect(hosts_[stage].node->next_wakeup() > now_, "a wake-up that is never satisfied");
    }
  }
}

void LineRig::run(const std::function<bool()>& is_enough, Duration at_most) {
  const TimePoint end = now_ + at_most;
  while (!is_enough()) {
    expect(now_ < end, "not done in time: stage 0 waits for " + std::string(status(0).waiting_for) +
                           " at position " + std::to_string(status(0).position));
    step();
  }
}

void LineRig::run_for(Duration span) {
  const TimePoint end = now_ + span;
  run([&] { return now_ >= end; }, span * 2);
}

bool LineRig::is_over() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const Host& host) { return host.node->status().phase == Phase::kOver; });
}

std::map<std::uint64_t, int> LineRig::applied(std::uint32_t stage, Epoch epoch) const {
  std::map<std::uint64_t, int> times;
  for (const Done& item : done[stage]) {
    if (item.what == Done::What::kBackward && item.id.epoch == epoch) {
      ++times[item.id.sequence.value()];
    }
  }
  return times;
}

Payload LineRig::make_payload(std::uint32_t) {
  return Payload{PayloadId{next_payload_++}, 100, 0};
}

bool LineRig::is_linked(std::uint32_t a, std::uint32_t b) const {
  return a < hosts_.size() && b < hosts_.size() && links_[std::min(a, b)];
}

void LineRig::carry_out(std::uint32_t stage, Action action) {
  std::visit([&](const auto& it) { act(stage, it); }, action);
}

void LineRig::act(std::uint32_t stage, const Send& action) {
  std::uint32_t to = 0;
  while (to < hosts_.size() && node_id(to) != action.to) ++to;
  expect(to < hosts_.size() && (to + 1 == stage || to == stage + 1), "sent to a stranger");
  if (!is_linked(stage, to)) return;
  if (filter && !filter(stage, to, action.message)) return;
  Event event = Received{node_id(stage), action.message};
  if (Payload* payload = payload_of(event); payload != nullptr && !payload->is_empty()) {
    expect(hosts_[stage].held.contains(payload->id.value()), "sent what it does not hold");
    *payload = make_payload(to);
  }
  at(kLink, to, event);
}

void LineRig::act(std::uint32_t stage, const Release& action) {
  expect(hosts_[stage].held.erase(action.payload.value()) == 1, "released what it does not hold");
}

void LineRig::compute(std::uint32_t stage, Event answer) {
  expect(!hosts_[stage].is_computing, "two compute tasks at a time");
  hosts_[stage].is_computing = true;
  at(kTask, stage, std::move(answer));
}

void LineRig::act(std::uint32_t stage, const RunForward& action) {
  Host& host = hosts_[stage];
  expect(action.input.is_empty() == (stage == 0), "an input at the head, or none behind it");
  if (host.rejects == Direction::kForward) {
    host.rejects.reset();
    return compute(stage, InputRejected{action.id, Direction::kForward});
  }
  if (action.keeps) host.kept.insert(action.id);
  done[stage].push_back({Done::What::kForward, action.id, {}, {}});
  const bool is_tail = stage + 1 == hosts_.size();
  const LossSum loss = is_tail ? LossSum{2.0, 1} : LossSum{};
  compute(stage, ForwardDone{action.id, is_tail ? Payload{} : make_payload(stage), loss});
}

void LineRig::act(std::uint32_t stage, const RunBackward& action) {
  Host& host = hosts_[stage];
  const bool is_tail = stage + 1 == hosts_.size();
  expect(action.gradient.is_empty() == is_tail, "a gradient at the tail, or none before it");
  if (host.rejects == Direction::kBackward) {
    host.rejects.reset();
    return compute(stage, InputRejected{action.id, Direction::kBackward});
  }
  expect(host.kept.erase(action.id) == 1, "backward of what was not kept");
  done[stage].push_back({Done::What::kBackward, action.id, {}, {}});
  compute(stage, BackwardDone{action.id, stage == 0 ? Payload{} : make_payload(stage)});
}

void LineRig::act(std::uint32_t stage, const RunUpdate& action) {
  Host& host = hosts_[stage];
  expect(action.version == host.version, "an update of another version");
  host.version = host.version.next();
  done[stage].push_back({Done::What::kUpdate, {}, action, {}});
  compute(stage, UpdateDone{host.version});
}

void LineRig::act(std::uint32_t stage, const RunSnapshot& action) {
  hosts_[stage].versions[action.checkpoint] = hosts_[stage].version;
  done[stage].push_back({Done::What::kSnapshot, {}, {}, action.checkpoint});
  compute(stage, SnapshotTaken{action.checkpoint});
}

void LineRig::act(std::uint32_t stage, const RunRestore& action) {
  Host& host = hosts_[stage];
  expect(action.epoch > host.max_epoch, "an epoch for the second time");
  const bool is_stored =
      action.checkpoint == CheckpointId{} || disks[stage].contains(action.checkpoint);
  const bool succeeds = is_stored && (!restores || restores(stage, action.checkpoint));
  host.max_epoch = action.epoch;
  host.kept.clear();
  host.version = host.versions[action.checkpoint];
  done[stage].push_back({Done::What::kRestore, {}, {}, action.checkpoint});
  compute(stage, RestoreDone{action.checkpoint, succeeds, host.version});
}

void LineRig::expect_line(std::uint32_t) {
  expect(false, "averaging in a line");
}

void LineRig::act(std::uint32_t stage, const Forget& action) {
  expect(hosts_[stage].kept.erase(action.id) == 1, "forgot what was not kept");
}

void LineRig::act(std::uint32_t stage, const StoreSnapshot& action) {
  const bool succeeds = !stores || stores(stage, action.checkpoint);
  if (succeeds) disks[stage].insert(action.checkpoint);
  at(kDisk, stage, SnapshotStored{action.checkpoint, succeeds});
}

void LineRig::act(std::uint32_t stage, const RemoveCheckpoint& action) {
  expect(disks[stage].erase(action.checkpoint) == 1, "removed what is not stored");
}

void LineRig::act(std::uint32_t stage, const PhaseChanged& action) {
  phases[stage].push_back(action);
}
void LineRig::act(std::uint32_t stage, const StepReported& action) {
  expect(stage == 0, "a step away from the head");
  steps.push_back(action);
}
void LineRig::act(std::uint32_t stage, const EvalReported& action) {
  expect(stage == 0, "an evaluation away from the head");
  evaluations.push_back(action);
}
void LineRig::act(std::uint32_t stage, const Committed& action) {
  expect(stage == 0, "a commit away from the head");
  committed.push_back(action.checkpoint);
}
void LineRig::act(std::uint32_t stage, const WindowChanged& action) {
  expect(stage == 0, "a window away from the head");
  windows.push_back(action.window);
}
void LineRig::act(std::uint32_t stage, const Repeated& action) {
  repeated[stage].push_back(action);
}
void LineRig::act(std::uint32_t stage, const Misbehaved& action) {
  misbehaved[stage].push_back(action);
}

}  // namespace brigade::swarm::test

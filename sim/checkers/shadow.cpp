#include "sim/checkers/shadow.hpp"

#include <algorithm>
#include <variant>

namespace brigade::sim {
namespace {

// A sequence past this is nonsense, not a long run: facts are kept by sequence.
constexpr std::uint64_t kMostSequences = 1u << 22;

}  // namespace

const MicrobatchFacts* Shadow::find(std::uint32_t host, const MicrobatchId& id) const {
  const HostFacts& facts = hosts_[host];
  if (!facts.has_epoch || id.epoch != facts.epoch) return nullptr;
  if (id.kind == MicrobatchId::Kind::kEval) {
    const auto found = facts.eval.find(id.sequence);
    return found == facts.eval.end() ? nullptr : &found->second;
  }
  return id.sequence.value() < facts.train.size() ? &facts.train[id.sequence.value()] : nullptr;
}

const PayloadFacts* Shadow::find(std::uint32_t host, PayloadId payload) const {
  const HostFacts& facts = hosts_[host];
  const std::uint64_t offset = payload.value() - facts.first_payload;
  if (payload.value() < facts.first_payload || offset >= facts.payloads.size()) return nullptr;
  return &facts.payloads[offset];
}

MicrobatchFacts* Shadow::edit(HostFacts& host, const MicrobatchId& id) {
  if (!host.has_epoch || id.epoch != host.epoch) return nullptr;
  if (id.kind == MicrobatchId::Kind::kEval) return &host.eval[id.sequence];
  const std::uint64_t sequence = id.sequence.value();
  if (sequence >= kMostSequences) return nullptr;
  if (sequence >= host.train.size()) host.train.resize(sequence + 1);
  return &host.train[sequence];
}

PayloadFacts* Shadow::edit(HostFacts& host, PayloadId payload) {
  const std::uint64_t offset = payload.value() - host.first_payload;
  if (payload.value() < host.first_payload || offset >= host.payloads.size()) return nullptr;
  return &host.payloads[offset];
}

void Shadow::hold(HostFacts& host, const swarm::Payload& payload, const MicrobatchId& id,
                  PayloadRole role) {
  if (payload.is_empty()) return;
  if (host.payloads.empty()) host.first_payload = payload.id.value();
  const std::uint64_t offset = payload.id.value() - host.first_payload;
  if (offset >= host.payloads.size()) host.payloads.resize(offset + 1);
  host.payloads[offset] = {id, payload.bytes, role, true, false};
  host.held_bytes += payload.bytes;
  host.most_held_bytes = std::max(host.most_held_bytes, host.held_bytes);
  ++host.held;
}

void Shadow::see(HostFacts& host, const MicrobatchId& id, MicrobatchFacts& facts) {
  facts.is_received = true;
  if (!facts.is_seen && id.kind == MicrobatchId::Kind::kTrain) ++host.seen;
  facts.is_seen = true;
}

void Shadow::on_start(std::uint32_t host) {
  hosts_[host] = HostFacts{};
  hosts_[host].is_alive = true;
}

void Shadow::on_crash(std::uint32_t host) {
  hosts_[host] = HostFacts{};
}

void Shadow::on_event(std::uint32_t index, const swarm::Event& event) {
  HostFacts& host = hosts_[index];
  if (const auto* received = std::get_if<swarm::Received>(&event)) {
    on_received(host, received->message);
    return;
  }
  if (const auto* forward = std::get_if<swarm::ForwardDone>(&event)) {
    on_forward_done(host, *forward);
  } else if (const auto* backward = std::get_if<swarm::BackwardDone>(&event)) {
    on_backward_done(host, *backward);
  } else if (const auto* update = std::get_if<swarm::UpdateDone>(&event)) {
    on_update_done(host, *update);
  } else if (const auto* rejected = std::get_if<swarm::InputRejected>(&event)) {
    host.task = Task::kNone;
    MicrobatchFacts* facts = edit(host, rejected->id);
    if (facts != nullptr && rejected->direction == swarm::Direction::kForward) {
      facts->is_received = false;  // as if it had never come
      if (facts->is_seen && rejected->id.kind == MicrobatchId::Kind::kTrain) --host.seen;
      facts->is_seen = false;
    }
  } else if (std::holds_alternative<swarm::SnapshotTaken>(event)) {
    host.task = Task::kNone;
  } else if (const auto* restored = std::get_if<swarm::RestoreDone>(&event)) {
    host.task = Task::kNone;
    host.version = restored->version;
  }
}

void Shadow::on_received(HostFacts& host, const swarm::Message& message) {
  if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
    hold(host, forward->payload, forward->id, PayloadRole::kInput);
    if (MicrobatchFacts* facts = edit(host, forward->id)) see(host, forward->id, *facts);
  } else if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
    hold(host, backward->payload, backward->id, PayloadRole::kGradient);
    MicrobatchFacts* facts = edit(host, backward->id);
    if (facts == nullptr) return;
    facts->has_gradient = true;
    const bool is_new = facts->is_forwarded && !facts->is_backward;
    if (is_new && !backward->payload.is_empty()) {
      edit(host, backward->payload.id)->is_waiting = true;
      ++host.waiting_gradients;
    }
  } else if (const auto* receipt = std::get_if<swarm::Receipt>(&message)) {
    on_receipt(host, *receipt);
  }
}

void Shadow::on_receipt(HostFacts& host, const swarm::Receipt& receipt) {
  MicrobatchFacts* facts = edit(host, receipt.id);
  if (facts == nullptr) return;
  const bool is_forward = receipt.direction == swarm::Direction::kForward;
  const bool is_applied = receipt.kind == swarm::Receipt::Kind::kApplied;
  const bool is_lost = receipt.kind == swarm::Receipt::Kind::kMissing ||
                       receipt.kind == swarm::Receipt::Kind::kRejected;
  if (is_forward && is_lost) facts->is_forward_lost = true;
  if (!is_forward) {
    // True of any attempt: what is applied stays applied in this epoch.
    if (is_applied) facts->is_backward_held = true;
  } else if (receipt.attempt == facts->forward_attempt) {
    facts->is_forward_held = is_applied || receipt.kind == swarm::Receipt::Kind::kReceived;
  }
}

void Shadow::on_forward_done(HostFacts& host, const swarm::ForwardDone& done) {
  host.task = Task::kNone;
  hold(host, done.output, done.id, PayloadRole::kOutput);
  MicrobatchFacts* facts = edit(host, done.id);
  if (facts == nullptr) return;
  if (!facts->is_forwarded && done.id.kind == MicrobatchId::Kind::kTrain) ++host.forwarded;
  facts->is_forwarded = true;
  facts->output = done.output.id;
  if (done.id.kind == MicrobatchId::Kind::kTrain && !facts->is_kept) {
    facts->is_kept = true;
    ++host.kept;
  }
}

void Shadow::on_backward_done(HostFacts& host, const swarm::BackwardDone& done) {
  host.task = Task::kNone;
  hold(host, done.gradient, done.id, PayloadRole::kInputGradient);
  MicrobatchFacts* facts = edit(host, done.id);
  if (facts == nullptr) return;
  if (facts->is_kept) --host.kept;
  facts->is_kept = false;
  facts->is_backward = true;
  ++host.applied;
  host.pending.push_back(done.id.sequence);
  while (host.watermark < host.train.size() && host.train[host.watermark].is_backward) {
    ++host.watermark;
  }
}

void Shadow::on_update_done(HostFacts& host, const swarm::UpdateDone& done) {
  host.task = Task::kNone;
  host.version = done.version;
  ++host.updates;
  for (const Sequence sequence : host.pending) {
    host.train[sequence.value()].is_updated = true;
    ++host.updated;
  }
  host.pending.clear();
}

void Shadow::on_action(std::uint32_t index, const swarm::Action& action) {
  HostFacts& host = hosts_[index];
  if (const auto* send = std::get_if<swarm::Send>(&action)) {
    on_send(host, send->message);
  } else if (const auto* release = std::get_if<swarm::Release>(&action)) {
    on_release(host, release->payload);
  } else if (const auto* forget = std::get_if<swarm::Forget>(&action)) {
    MicrobatchFacts* facts = edit(host, forget->id);
    if (facts != nullptr && facts->is_kept) {
      facts->is_kept = false;
      --host.kept;
    }
  } else if (const auto* phase = std::get_if<swarm::PhaseChanged>(&action)) {
    host.phase = phase->phase;
  } else {
    start_task(host, action);
  }
}

void Shadow::start_task(HostFacts& host, const swarm::Action& action) {
  if (const auto* forward = std::get_if<swarm::RunForward>(&action)) {
    host.task = Task::kForward;
    host.task_id = forward->id;
    if (MicrobatchFacts* facts = edit(host, forward->id)) {
      see(host, forward->id, *facts);
      ++facts->forward_runs;
      facts->is_forward_lost = false;
      facts->input = forward->input.id;
      facts->version_at_forward = host.version.value();
      facts->applied_at_forward = host.applied;
    }
  } else if (const auto* backward = std::get_if<swarm::RunBackward>(&action)) {
    host.task = Task::kBackward;
    host.task_id = backward->id;
    PayloadFacts* payload = edit(host, backward->gradient.id);
    if (payload != nullptr && payload->is_waiting) {
      payload->is_waiting = false;
      --host.waiting_gradients;
    }
  } else if (std::holds_alternative<swarm::RunUpdate>(action)) {
    host.task = Task::kUpdate;
  } else if (std::holds_alternative<swarm::RunSnapshot>(action)) {
    host.task = Task::kSnapshot;
  } else if (const auto* restore = std::get_if<swarm::RunRestore>(&action)) {
    host.task = Task::kRestore;
    host.has_epoch = true;
    host.epoch = restore->epoch;
    host.from = restore->checkpoint;
    host.train.clear();
    host.eval.clear();
    host.pending.clear();
    host.seen = host.forwarded = host.applied = host.updated = 0;
    host.watermark = host.kept = host.updates = 0;
  }
}

void Shadow::on_send(HostFacts& host, const swarm::Message& message) {
  if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
    MicrobatchFacts* facts = edit(host, forward->id);
    if (facts == nullptr) return;
    facts->forward_attempt = forward->attempt;
    facts->is_forward_held = false;
  } else if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
    MicrobatchFacts* facts = edit(host, backward->id);
    if (facts == nullptr) return;
    facts->backward_attempt = backward->attempt;
    ++facts->backward_sends;
  }
}

void Shadow::on_release(HostFacts& host, PayloadId payload) {
  PayloadFacts* facts = edit(host, payload);
  if (facts == nullptr || !facts->is_held) return;
  facts->is_held = false;
  host.held_bytes -= facts->bytes;
  --host.held;
  if (facts->is_waiting) --host.waiting_gradients;
  while (!host.payloads.empty() && !host.payloads.front().is_held) {
    host.payloads.pop_front();
    ++host.first_payload;
  }
}

}  // namespace brigade::sim

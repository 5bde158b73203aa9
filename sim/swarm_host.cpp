#include "sim/swarm_host.hpp"

#include <string>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "sim/host.hpp"

namespace brigade::sim {

SwarmHost::SwarmHost(const SwarmScenario& scenario, std::uint32_t index, std::uint64_t seed)
    : scenario_(scenario),
      index_(index),
      stage_(scenario.stage_of(index)),
      seed_(seed),
      random_(mix_seed(seed, 7, index)),
      model_(initial_weights(seed, stage_)) {
  for (const auto& [host, factor] : scenario.slowness) {
    if (host == index) own_slowness_ = factor;
  }
}

void SwarmHost::start(TimePoint now) {
  ++incarnation_;
  is_over = is_frozen = false;
  waiting.clear();
  instance_ = mix_seed(seed_, 9, index_, incarnation_);
  model_ = StageModel{initial_weights(seed_, stage_)};
  swarm::Options options = scenario_.options;
  options.has_replicas = true;
  options.self = to_node_id(index_);
  options.stage = StageIndex{stage_};
  options.stages = scenario_.stages;
  options.instance = instance_;
  options.seed = mix_seed(seed_, 8, index_, incarnation_);
  swarm::StartState known;
  for (const auto& [id, checkpoint] : disk_) known.checkpoints.push_back(id);
  node_.emplace(options, std::move(known), now);
}

void SwarmHost::crash() {
  node_.reset();
  ++incarnation_;
  task_.reset();
  writes_.clear();
  snapshots_.clear();
  is_frozen = false;
  waiting.clear();
}

Duration SwarmHost::start_task(swarm::Action task) {
  Duration duration{};
  if (std::holds_alternative<swarm::RunForward>(task)) duration = scenario_.device.forward;
  if (std::holds_alternative<swarm::RunBackward>(task)) duration = scenario_.device.backward;
  if (std::holds_alternative<swarm::RunUpdate>(task)) duration = scenario_.device.update;
  if (std::holds_alternative<swarm::RunRestore>(task)) duration = scenario_.device.restore;
  if (std::holds_alternative<swarm::RunSnapshot>(task)) duration = scenario_.device.snapshot;
  if (std::holds_alternative<swarm::RunShare>(task)) duration = scenario_.device.share;
  if (std::holds_alternative<swarm::RunBlend>(task)) duration = scenario_.device.blend;
  task_ = std::move(task);
  double factor = slowness_ * own_slowness_;
  if (scenario_.device.jitter > 0) factor *= 1 + scenario_.device.jitter * random_.uniform();
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

std::optional<swarm::Event> SwarmHost::finish_task() {
  BRIGADE_CHECK(task_.has_value());
  const swarm::Action task = std::move(*task_);
  task_.reset();
  if (const auto* forward = std::get_if<swarm::RunForward>(&task)) {
    const bool rejects = !forward->input.is_empty() && scenario_.device.reject > 0 &&
                         random_.chance(scenario_.device.reject);
    if (rejects) return swarm::InputRejected{forward->id, swarm::Direction::kForward};
    const Digest input = stage_ == 0 ? tokens_of(forward->id) : forward->input.checksum;
    const Digest output = model_.forward(forward->id, input, forward->keeps);
    swarm::ForwardDone done{forward->id, {}, {}};
    if (stage_ + 1 == scenario_.stages) {
      done.loss = loss_of(forward->id, scenario_.tokens);
    } else {
      done.output = make_payload(output);
    }
    return done;
  }
  if (const auto* backward = std::get_if<swarm::RunBackward>(&task)) {
    const auto result = model_.backward(backward->id, backward->gradient.checksum);
    if (!result) return std::nullopt;
    return swarm::BackwardDone{backward->id,
                               stage_ == 0 ? swarm::Payload{} : make_payload(*result)};
  }
  if (const auto* update = std::get_if<swarm::RunUpdate>(&task)) {
    model_.update();
    return swarm::UpdateDone{update->version.next()};
  }
  if (const auto* restore = std::get_if<swarm::RunRestore>(&task)) {
    return this->restore(restore->checkpoint);
  }
  if (const auto* snapshot = std::get_if<swarm::RunSnapshot>(&task)) {
    snapshots_[snapshot->checkpoint] = {model_.weights(), snapshot->version, snapshot->kept};
    return swarm::SnapshotTaken{snapshot->checkpoint};
  }
  return finish_averaging(task);
}

/// Digests have no mean: what is blended changes nothing, but that it was counts.
std::optional<swarm::Event> SwarmHost::finish_averaging(const swarm::Action& task) {
  if (const auto* share = std::get_if<swarm::RunShare>(&task)) {
    return swarm::ShareTaken{share->round, make_payload(model_.weights())};
  }
  if (const auto* blend = std::get_if<swarm::RunBlend>(&task)) {
    const bool rejects = scenario_.device.reject > 0 && random_.chance(scenario_.device.reject);
    return swarm::Blended{blend->round, !rejects};
  }
  return std::nullopt;
}

swarm::CheckpointId SwarmHost::newest() const {
  return disk_.empty() ? swarm::CheckpointId{scenario_.options.epoch, 0} : disk_.rbegin()->first;
}

swarm::RestoreDone SwarmHost::restore(const swarm::CheckpointId& from) {
  swarm::RestoreDone done{from, true, Version{}, {}};
  const auto stored = disk_.find(from);
  if (stored == disk_.end()) return done;
  model_.restore(stored->second.weights);
  done.version = stored->second.version;
  done.kept = stored->second.kept;
  for (swarm::Kept::Gradient& one : done.kept.gradients) adopt(one.payload);
  return done;
}

Duration SwarmHost::start_write(const swarm::CheckpointId& checkpoint) {
  writes_.push_back(checkpoint);
  return scenario_.disk.store.sample(random_);
}

swarm::SnapshotStored SwarmHost::finish_write() {
  const swarm::CheckpointId checkpoint = writes_.front();
  writes_.pop_front();
  const bool fails =
      scenario_.disk.store_failure > 0 && random_.chance(scenario_.disk.store_failure);
  auto taken = snapshots_.extract(checkpoint);
  BRIGADE_CHECK(!taken.empty());
  if (!fails) disk_.insert_or_assign(checkpoint, std::move(taken.mapped()));
  return {checkpoint, !fails};
}

void SwarmHost::adopt(swarm::Payload& payload) {
  if (!payload.is_empty()) payload.id = PayloadId{next_payload_++};
}

swarm::Payload SwarmHost::make_payload(Digest content) {
  return {PayloadId{next_payload_++}, scenario_.activation_bytes, content};
}

std::string SwarmHost::what_it_holds() const {
  if (!is_alive()) return " -";
  const swarm::Status status = node_->status();
  return " " + std::to_string(index_) + ":" + std::to_string(status.in_flight) + "+" +
         std::to_string(status.kept_gradients) + "+" + std::to_string(status.evaluations);
}

bool tell_lie(swarm::Message& message) {
  swarm::Offer* offer = nullptr;
  if (auto* beacon = std::get_if<swarm::NodeBeacon>(&message)) offer = &beacon->offer;
  if (auto* receipt = std::get_if<swarm::Receipt>(&message)) offer = &receipt->offer;
  if (offer != nullptr) {
    offer->queue = 0;
    offer->pace = Duration{1};
  }
  return !std::holds_alternative<swarm::Forward>(message) &&
         !std::holds_alternative<swarm::Backward>(message);
}

}  // namespace brigade::sim

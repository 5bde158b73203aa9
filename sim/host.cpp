#include "sim/host.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace brigade::sim {
namespace {

constexpr std::uint64_t kNodeSalt = 0xb219ade;

DeviceModel device_of(const Scenario& scenario, std::uint32_t index) {
  for (const auto& [host, model] : scenario.other_devices) {
    if (host == index) return model;
  }
  return scenario.device;
}

struct TaskTime {
  const DeviceModel& device;

  Duration operator()(const swarm::RunForward&) const { return device.forward; }
  Duration operator()(const swarm::RunBackward&) const { return device.backward; }
  Duration operator()(const swarm::RunUpdate&) const { return device.update; }
  Duration operator()(const swarm::RunSnapshot&) const { return device.snapshot; }
  Duration operator()(const swarm::RunRestore&) const { return device.restore; }
  template <class Other>
  Duration operator()(const Other&) const {
    return Duration::zero();
  }
};

}  // namespace

NodeId to_node_id(std::uint32_t host) {
  NodeId id;
  for (std::size_t i = 0; i < 4; ++i) id.bytes[i] = static_cast<std::uint8_t>(host >> (8 * i));
  const std::uint64_t rest = mix_seed(kNodeSalt, host);
  for (std::size_t i = 0; i < 8; ++i) id.bytes[8 + i] = static_cast<std::uint8_t>(rest >> (8 * i));
  return id;
}

std::uint32_t to_host(const NodeId& id) {
  std::uint32_t host = 0;
  for (std::size_t i = 0; i < 4; ++i) host |= std::uint32_t{id.bytes[i]} << (8 * i);
  return host;
}

Host::Host(const Scenario& scenario, std::uint32_t index, std::uint64_t seed)
    : scenario_(scenario),
      index_(index),
      seed_(seed),
      random_(mix_seed(seed, 7, index)),
      device_(device_of(scenario, index)),
      disk_(scenario.disk),
      reject_(device_.reject),
      model_(initial_weights(seed, index)) {}

const swarm::StartState& Host::start(TimePoint now) {
  ++incarnation_;
  is_over_ = false;
  model_ = StageModel{initial_weights(seed_, index_)};
  start_state_ = {};
  for (const auto& [checkpoint, stage] : stored_) start_state_.checkpoints.push_back(checkpoint);
  start_state_.max_epoch = max_epoch_;
  swarm::Options options = scenario_.options;
  options.self = to_node_id(index_);
  options.stage = StageIndex{index_};
  options.stages = scenario_.stages;
  options.seed = mix_seed(seed_, 8, index_, incarnation_);
  node_.emplace(options, start_state_, now);
  return start_state_;
}

void Host::crash() {
  // A write that was on its way may have reached its rename.
  if (!writing_.empty() && random_.chance(0.5)) {
    const auto found = snapshots_.find(writing_.front());
    if (found != snapshots_.end()) stored_[found->first] = found->second;
  }
  node_.reset();
  ++incarnation_;
  task_.reset();
  snapshots_.clear();
  writing_.clear();
}

void Host::wipe() {
  stored_.clear();
  max_epoch_ = {};
}

bool Host::is_settled() const {
  if (!is_over_ || !node_ || task_ || !writing_.empty()) return false;
  const swarm::Status status = node_->status();
  return status.in_flight == 0 && status.kept_gradients == 0;
}

Duration Host::start_task(TimePoint now, swarm::Action task) {
  Duration duration = std::visit(TaskTime{device_}, task);
  task_ = std::move(task);
  if (const auto* restore = std::get_if<swarm::RunRestore>(&*task_)) max_epoch_ = restore->epoch;
  double factor = slowness_;
  if (device_.jitter > 0) factor *= 1 + device_.jitter * random_.uniform();
  if (device_.mood > 0) {
    const auto period = static_cast<std::uint64_t>(now.time_since_epoch() / device_.mood_lasts);
    factor *= 1 + device_.mood * Random(mix_seed(mix_seed(seed_, 8), period)).uniform();
  }
  if (factor == 1) return duration;
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

std::optional<swarm::Event> Host::finish_task() {
  BRIGADE_CHECK(task_.has_value());
  const swarm::Action task = std::move(*task_);
  task_.reset();
  return std::visit([this](const auto& what) { return finish(what); }, task);
}

bool Host::rejects(const swarm::Payload& payload) {
  return reject_ > 0 && !payload.is_empty() && random_.chance(reject_);
}

std::optional<swarm::Event> Host::finish(const swarm::RunForward& task) {
  if (rejects(task.input)) return swarm::InputRejected{task.id, swarm::Direction::kForward};
  const Digest input = task.input.is_empty() ? tokens_of(task.id) : task.input.checksum;
  const Digest output = model_.forward(task.id, input, task.keeps);
  swarm::ForwardDone done{.id = task.id, .output = {}, .loss = {}};
  if (is_tail()) {
    done.loss = loss_of(task.id, scenario_.tokens);
  } else {
    done.output = make_payload(output, scenario_.activation_bytes);
  }
  return done;
}

std::optional<swarm::Event> Host::finish(const swarm::RunBackward& task) {
  if (rejects(task.gradient)) return swarm::InputRejected{task.id, swarm::Direction::kBackward};
  const std::optional<Digest> result = model_.backward(task.id, task.gradient.checksum);
  if (!result) return std::nullopt;
  swarm::BackwardDone done{.id = task.id, .gradient = {}};
  if (index_ > 0) done.gradient = make_payload(*result, scenario_.activation_bytes);
  return done;
}

std::optional<swarm::Event> Host::finish(const swarm::RunUpdate& task) {
  model_.update();
  return swarm::UpdateDone{task.version.next()};
}

std::optional<swarm::Event> Host::finish(const swarm::RunSnapshot& task) {
  snapshots_[task.checkpoint] = {task.checkpoint, model_.weights(), task.version,
                                 task.next_sequence, task.applied_ahead};
  return swarm::SnapshotTaken{task.checkpoint};
}

std::optional<swarm::Event> Host::finish(const swarm::RunRestore& task) {
  const auto found = stored_.find(task.checkpoint);
  const bool is_stored = found != stored_.end();
  const bool is_known = is_stored || task.checkpoint.position == 0;
  if (!is_known ||
      (is_stored && disk_.restore_failure > 0 && random_.chance(disk_.restore_failure))) {
    return swarm::RestoreDone{.checkpoint = task.checkpoint, .succeeded = false, .version = {}};
  }
  std::erase_if(snapshots_, [this](const auto& snapshot) {
    return std::find(writing_.begin(), writing_.end(), snapshot.first) == writing_.end();
  });
  model_.restore(is_stored ? found->second.weights : initial_weights(seed_, index_));
  return swarm::RestoreDone{.checkpoint = task.checkpoint,
                            .succeeded = true,
                            .version = is_stored ? found->second.version : Version{}};
}

Duration Host::start_store(const swarm::CheckpointId& checkpoint) {
  writing_.push_back(checkpoint);
  return disk_.store.sample(random_);
}

swarm::Event Host::finish_store() {
  BRIGADE_CHECK(!writing_.empty());
  const swarm::CheckpointId checkpoint = writing_.front();
  writing_.pop_front();
  const auto found = snapshots_.find(checkpoint);
  const bool fails =
      is_disk_full_ || (disk_.store_failure > 0 && random_.chance(disk_.store_failure));
  if (fails || found == snapshots_.end()) return swarm::SnapshotStored{checkpoint, false};
  stored_[checkpoint] = std::move(found->second);
  snapshots_.erase(found);
  return swarm::SnapshotStored{checkpoint, true};
}

void Host::heal() {
  slowness_ = 1;
  reject_ = 0;
  is_disk_full_ = false;
  disk_.store_failure = 0;
  disk_.restore_failure = 0;
}

void Host::adopt(swarm::Payload& payload) {
  if (!payload.is_empty()) payload.id = PayloadId{next_payload_++};
}

swarm::Payload Host::make_payload(Digest content, std::uint64_t bytes) {
  return {PayloadId{next_payload_++}, bytes, content};
}

}  // namespace brigade::sim

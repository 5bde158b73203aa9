#include "daemon/driver.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include "base/check.hpp"
#include "daemon/transcode.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;

namespace {

// Of a misdeed: an honest peer whose training blows up for a moment sends a few (size_gauge.hpp).
// Who sends 50 within a minute or so comes to too much. That takes ones over 20,000 times as large,
// since each counts for what is usual; fewer, and smaller ones, do what any nonsense does.
constexpr double kExplosionWeight = 0.1;

/// The next task of a training, and what must not come after it.
bool is_urgent(const swarm::Action& action) {
  return std::holds_alternative<swarm::RunForward>(action) ||
         std::holds_alternative<swarm::RunBackward>(action) ||
         std::holds_alternative<swarm::RunUpdate>(action) ||
         std::holds_alternative<swarm::RunShare>(action) ||
         std::holds_alternative<swarm::RunBlend>(action) ||
         std::holds_alternative<swarm::Forget>(action);
}

Codec agreed_codec(const Transport& transport, const NodeId& peer) {
  for (const LinkInfo& link : transport.links())
    if (link.peer.id == peer) return link.codec;
  return Codec::kFp32;
}

}  // namespace

Driver::Driver(const Parts& parts, const swarm::Options& options, swarm::StartState start)
    : parts_(parts),
      node_(options, std::move(start), core_now()),
      stage_(options.stage),
      has_replicas_(options.has_replicas),
      timer_(parts.core.get_executor(), [this] { handle(swarm::Tick{}); }) {}

void Driver::start() {
  handle(swarm::Tick{});
}

void Driver::request_stop(TimePoint deadline) {
  handle(swarm::StopRequested{deadline});
}

void Driver::take_in_checkpoint(const swarm::CheckpointId& expected,
                                const std::filesystem::path& file,
                                std::function<void(const Result<>&)> done) {
  asio::post(parts_.pool, [this, expected, file, done = std::move(done)] {
    auto info = parts_.checkpoints.take_in(file, expected);
    asio::post(parts_.core, [this, done, info = std::move(info)] {
      if (is_halted_) return;
      if (info.has_error()) {
        report(Warned{fmt::format("a copy of this stage's checkpoint is not used: {}",
                                  info.error().message)});
        return done(info.error());
      }
      const swarm::CheckpointId checkpoint{Epoch(info->epoch), info->position};
      parts_.checkpoints.add(*info);
      report(CheckpointChanged{checkpoint, "copied"});
      handle(swarm::CheckpointFound{checkpoint});
      done({});
    });
  });
}

void Driver::halt() {
  is_halted_ = true;
  timer_.cancel();
}

// ---- Pumping --------------------------------------------------------------------------------

void Driver::handle(const swarm::Event& event) {
  if (is_halted_) return;
  node_.handle(core_now(), event);
  pump();
}

/// The compute thread waits for its next task, and a send frames, encrypts and writes before it
/// comes back: so tasks go first. They keep their order among each other, and so does everything
/// else.
void Driver::pump() {
  while (auto action = node_.poll_action()) {
    if (is_urgent(*action)) {
      carry_out(*action);
    } else {
      later_.push_back(std::move(*action));
    }
  }
  while (!later_.empty()) {
    const swarm::Action action = std::move(later_.front());
    later_.pop_front();
    carry_out(action);
  }
  timer_.arm(node_.next_wakeup());
}

void Driver::carry_out(const swarm::Action& action) {
  std::visit([this](const auto& one) { carry_out(one); }, action);
}

// ---- From outside, into events --------------------------------------------------------------

TransportCallbacks Driver::transport_callbacks() {
  TransportCallbacks callbacks;
  callbacks.on_link_up = [this](const PeerAddress& peer) {
    const Codec codec = agreed_codec(*transport_, peer.id);
    linked_.insert_or_assign(peer.id, Linked{peer.stage, codec});
    report(LinkChanged{peer, true, {}, codec, parts_.codec});
    handle(swarm::LinkUp{peer.id, peer.stage, peer.instance});
  };
  callbacks.on_link_down = [this](const PeerAddress& peer, const std::string& reason, bool) {
    linked_.erase(peer.id);
    report(LinkChanged{peer, false, reason});
    handle(swarm::LinkDown{peer.id});
  };
  callbacks.on_message = [this](const NodeId& from, swarm::Message message,
                                std::optional<PayloadData> payload) {
    on_message(from, std::move(message), std::move(payload));
  };
  callbacks.on_warning = [this](const std::string& text) { report(Warned{text}); };
  return callbacks;
}

void Driver::on_message(const NodeId& from, swarm::Message message,
                        std::optional<PayloadData> payload) {
  if (is_halted_) return;
  if (payload) {
    const swarm::Payload handle = payloads_.add(std::move(*payload), from);
    if (auto* forward = std::get_if<swarm::Forward>(&message)) forward->payload = handle;
    if (auto* backward = std::get_if<swarm::Backward>(&message)) backward->payload = handle;
    if (auto* share = std::get_if<swarm::Share>(&message)) share->payload = handle;
  }
  handle(swarm::Received{from, std::move(message)});
}

void Driver::on_outcome(ComputeOutcome outcome) {
  if (is_halted_) return;
  std::visit([this](auto&& one) { finish(std::forward<decltype(one)>(one)); }, std::move(outcome));
}

void Driver::finish(ForwardOutcome outcome) {
  swarm::Payload output;
  if (outcome.output) output = payloads_.add(std::move(*outcome.output));
  handle(swarm::ForwardDone{outcome.id, output, outcome.loss});
}

void Driver::finish(BackwardOutcome outcome) {
  if (spdlog::should_log(spdlog::level::debug))
    spdlog::debug("applied id={}", to_string(outcome.id));  // before anybody can know of it
  if (outcome.tamed < 1 && gradient_origin_ != NodeId{})
    report(swarm::Misbehaved{
        gradient_origin_, "a gradient that has exploded",
        fmt::format("that of micro-batch {} is {:.3g} times as large as is usual at this hop; "
                    "brought to the usual size",
                    to_string(outcome.id), 1 / outcome.tamed),
        kExplosionWeight});
  swarm::Payload gradient;
  if (outcome.gradient) gradient = payloads_.add(std::move(*outcome.gradient));
  handle(swarm::BackwardDone{outcome.id, gradient});
}

void Driver::finish(const UpdateOutcome& outcome) {
  report(UpdateApplied{outcome.version, outcome.report});
  handle(swarm::UpdateDone{outcome.version});
}

void Driver::finish(SnapshotOutcome outcome) {
  const swarm::CheckpointId checkpoint = outcome.checkpoint;
  snapshots_.insert_or_assign(checkpoint, std::move(outcome));
  report(CheckpointChanged{checkpoint, "taken"});
  handle(swarm::SnapshotTaken{checkpoint});
}

void Driver::finish(const RestoreOutcome& outcome) {
  if (outcome.succeeded) {
    report(CheckpointChanged{outcome.checkpoint, "restored"});
  } else {
    report(Warned{fmt::format("can't restore the checkpoint at micro-batch {}: {}",
                              outcome.checkpoint.position, outcome.error)});
  }
  KeptData kept = std::exchange(restored_, {});
  handle(swarm::RestoreDone{outcome.checkpoint, outcome.succeeded,
                            parts_.checkpoints.version(outcome.checkpoint),
                            outcome.succeeded ? hold(std::move(kept)) : swarm::Kept{}});
}

void Driver::finish(ShareOutcome outcome) {
  handle(swarm::ShareTaken{outcome.round, payloads_.add(std::move(outcome.payload))});
}

void Driver::finish(const BlendOutcome& outcome) {
  const bool is_sound = outcome.rejected.empty();
  if (!is_sound)
    report(Warned{fmt::format("rejected the weights of peer {}: {}", to_short(share_origin_),
                              outcome.rejected)});
  handle(swarm::Blended{outcome.round, is_sound, outcome.rejected});
}

void Driver::finish(const RejectedOutcome& outcome) {
  const bool is_forward = outcome.direction == swarm::Direction::kForward;
  report(
      Warned{fmt::format("rejected the {} of micro-batch {} from peer {}: {}",
                         is_forward ? "activation" : "gradient", to_string(outcome.id),
                         to_short(is_forward ? input_origin_ : gradient_origin_), outcome.reason)});
  handle(swarm::InputRejected{outcome.id, outcome.direction, outcome.reason});
}

void Driver::finish(const FailedOutcome& outcome) {
  report(Failed{outcome.error});
}

// ---- From the core, outwards ----------------------------------------------------------------

std::optional<PayloadData> Driver::bytes_of(const swarm::Payload& payload) const {
  if (payload.is_empty()) return std::nullopt;
  return payloads_.get(payload.id);
}

Codec Driver::codec_towards(StageIndex stage) const {
  const bool all_agreed = std::ranges::all_of(linked_, [&](const auto& entry) {
    return entry.second.stage != stage || entry.second.codec == parts_.codec;
  });
  return all_agreed ? parts_.codec : Codec::kFp32;
}

std::optional<PayloadData> Driver::fit_to_link(const NodeId& to,
                                               std::optional<PayloadData> payload) {
  const auto link = linked_.find(to);
  if (!payload || link == linked_.end() || payload->shape.codec == Codec::kFp32 ||
      payload->shape.codec == link->second.codec)
    return payload;
  auto fitting = to_fp32(*payload);
  if (fitting.has_value()) return std::move(fitting).value();
  report(Warned{fmt::format("a payload for peer {} can't be had in fp32: {}", to_short(to),
                            fitting.error().message)});
  return std::nullopt;
}

void Driver::carry_out(const swarm::Send& action) {
  std::optional<PayloadData> bytes;
  if (const auto* forward = std::get_if<swarm::Forward>(&action.message))
    bytes = bytes_of(forward->payload);
  if (const auto* backward = std::get_if<swarm::Backward>(&action.message))
    bytes = bytes_of(backward->payload);
  if (const auto* share = std::get_if<swarm::Share>(&action.message))
    bytes = bytes_of(share->payload);
  const bool needs_bytes = bytes.has_value();
  bytes = fit_to_link(action.to, std::move(bytes));
  if (needs_bytes && !bytes) return;  // as if the link had lost it: the core repeats
  transport_->send(action.to, action.message, std::move(bytes));
}

void Driver::carry_out(const swarm::Release& action) {
  payloads_.release(action.payload);
}

void Driver::carry_out(const swarm::RunForward& action) {
  if (!action.input.is_empty()) input_origin_ = payloads_.origin(action.input.id);
  parts_.engine.submit(
      ForwardTask{action.id, bytes_of(action.input), action.keeps, codec_towards(stage_.next())});
}

void Driver::carry_out(const swarm::RunBackward& action) {
  if (!action.gradient.is_empty()) gradient_origin_ = payloads_.origin(action.gradient.id);
  const Codec answer =
      stage_ == StageIndex(0) ? Codec::kFp32 : codec_towards(StageIndex(stage_.value() - 1));
  parts_.engine.submit(
      BackwardTask{action.id, bytes_of(action.input), bytes_of(action.gradient), answer});
}

void Driver::carry_out(const swarm::RunUpdate& action) {
  parts_.engine.submit(UpdateTask{{.update = action.place,
                                   .microbatches = action.microbatches,
                                   .delay_microbatches = action.delay_microbatches,
                                   .staleness_updates = action.staleness_updates},
                                  action.version});
}

void Driver::carry_out(const swarm::RunSnapshot& action) {
  stage::CheckpointInfo info;
  info.epoch = action.checkpoint.epoch.value();
  info.position = action.checkpoint.position;
  info.next_sequence = action.next_sequence.value();
  info.version = action.version.value();
  for (const Sequence sequence : action.applied_ahead)
    info.applied_ahead.push_back(sequence.value());
  kept_.insert_or_assign(action.checkpoint, bytes_of(action.kept));
  parts_.engine.submit(SnapshotTask{action.checkpoint, std::move(info)});
}

void Driver::carry_out(const swarm::RunRestore& action) {
  snapshots_.clear();  // of the epoch that ends here
  kept_.clear();
  auto files = parts_.checkpoints.files(action.checkpoint);
  if (files.empty() && action.checkpoint.position != 0) {  // a head may name what we don't have
    asio::post(parts_.core, [this, checkpoint = action.checkpoint] {
      finish(RestoreOutcome{checkpoint, false, "no sound file of it here"});
    });
    return;
  }
  asio::post(parts_.pool, [this, action, task = RestoreTask{action.checkpoint, std::move(files)}] {
    const auto written = parts_.state.write_epoch(action.epoch);
    auto kept = has_replicas_ ? parts_.checkpoints.read_kept(task.checkpoint, task.files)
                              : Result<KeptData>(KeptData{});
    asio::post(parts_.core, [this, written, task, kept = std::move(kept)]() mutable {
      if (is_halted_) return;
      if (kept.has_error())
        report(
            Warned{fmt::format("what was kept for repeats beside the checkpoint is not used; a "
                               "micro-batch may be applied twice: {}",
                               kept.error().message)});
      restored_ = kept.has_value() ? std::move(*kept) : KeptData{};
      if (written.has_value()) return parts_.engine.submit(task);
      finish(RestoreOutcome{task.checkpoint, false, "epoch not saved: " + written.error().message});
    });
  });
}

void Driver::carry_out(const swarm::RunShare& action) {
  parts_.engine.submit(ShareTask{action.round});
}

void Driver::carry_out(const swarm::RunBlend& action) {
  share_origin_ = payloads_.origin(action.theirs.id);
  parts_.engine.submit(BlendTask{action.round, payloads_.get(action.mine.id),
                                 payloads_.get(action.theirs.id), action.weight,
                                 action.have_learned});
}

void Driver::carry_out(const swarm::Forget& action) {
  parts_.engine.submit(ForgetTask{action.id});
}

void Driver::carry_out(const swarm::StoreSnapshot& action) {
  auto taken = snapshots_.extract(action.checkpoint);
  BRIGADE_CHECK(!taken.empty(), "the core stores a snapshot that was never taken");
  auto kept = kept_.extract(action.checkpoint);
  ++pending_stores_;
  asio::post(parts_.pool, [this, job = std::move(taken.mapped()),
                           kept = kept.empty() ? KeptData{} : std::move(kept.mapped())] {
    auto written = parts_.checkpoints.write(*job.snapshot, job.info);
    auto beside =
        written.has_value() ? parts_.checkpoints.write_kept(job.checkpoint, kept) : Result<>{};
    asio::post(parts_.core, [this, checkpoint = job.checkpoint, info = job.info,
                             written = std::move(written), beside = std::move(beside)] {
      --pending_stores_;
      on_kept_written(checkpoint, beside);
      if (written.has_value()) parts_.checkpoints.add(info);
      report(CheckpointChanged{
          checkpoint, written.has_value() ? "stored" : "failed: " + written.error().message});
      handle(swarm::SnapshotStored{checkpoint, written.has_value()});
    });
  });
}

KeptData Driver::bytes_of(const swarm::Kept& kept) const {
  KeptData data;
  data.closed = kept.closed;
  for (const swarm::Kept::Gradient& one : kept.gradients)
    data.gradients.push_back({one.id, one.loss, bytes_of(one.payload)});
  return data;
}

swarm::Kept Driver::hold(KeptData kept) {
  swarm::Kept held;
  held.closed = std::move(kept.closed);
  for (KeptData::Gradient& one : kept.gradients) {
    const auto payload = one.payload ? payloads_.add(std::move(*one.payload)) : swarm::Payload{};
    held.gradients.push_back({one.id, one.loss, payload});
  }
  return held;
}

void Driver::on_kept_written(const swarm::CheckpointId& checkpoint, const Result<>& written) {
  const bool has_failed = written.has_error();
  if (std::exchange(has_warned_of_kept_, has_failed) || !has_failed) return;
  report(
      Warned{fmt::format("what is kept for repeats beside the checkpoint at micro-batch {} could "
                         "not be stored, training goes on: {}; make room on the disk",
                         checkpoint.position, written.error().message)});
}

void Driver::carry_out(const swarm::RemoveCheckpoint& action) {
  parts_.checkpoints.remove(action.checkpoint);
  asio::post(parts_.pool, [this, checkpoint = action.checkpoint] {
    auto erased = parts_.checkpoints.erase(checkpoint);
    asio::post(parts_.core, [this, checkpoint, erased = std::move(erased)] {
      report(CheckpointChanged{
          checkpoint, erased.has_value() ? "removed" : "failed: " + erased.error().message});
    });
  });
}

}  // namespace brigade::daemon

#include "daemon/journal.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include "daemon/log.hpp"

namespace brigade::daemon {

using control::v1::NodeStatus;
using control::v1::WatchEvent;

namespace {

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double mean_loss(const swarm::LossSum& loss) {
  return loss.tokens == 0 ? 0 : loss.nats / loss.tokens;
}

/// Without the empty places behind the largest.
std::span<const std::uint64_t> counted_places(const swarm::StalenessHistogram& histogram) {
  const auto last = std::find_if(histogram.rbegin(), histogram.rend(),
                                 [](std::uint64_t count) { return count > 0; });
  return {histogram.begin(), last.base()};
}

void fill_core(NodeStatus& out, const swarm::Status& core) {
  out.set_phase(swarm::to_string(core.phase));
  out.set_waiting_for(core.is_computing ? "" : core.waiting_for);
  out.set_epoch(core.epoch.value());
  out.set_position(core.position);
  out.set_drawn(core.drawn);
  out.set_applied(core.applied);
  out.set_in_flight(core.in_flight);
  out.set_forwarded(core.forwarded);
  out.set_waiting_gradients(core.waiting_gradients);
  out.set_kept_gradients(core.kept_gradients);
  out.set_updates(core.version.value());
  out.set_staleness_mean(core.staleness_mean);
  out.set_staleness_max(core.staleness_max);
  const auto counted = counted_places(core.staleness_histogram);
  out.mutable_staleness_histogram()->Assign(counted.begin(), counted.end());
  out.set_window(core.window);
  out.set_window_reason(core.window_reason);
  out.set_repeats(core.repeats);
  out.set_duplicates(core.duplicates);
  out.set_committed_position(core.committed.position);
}

void fill_replica(control::v1::ReplicaStatus& out, const swarm::Status& core) {
  out.set_taken(core.taken);
  out.set_handed_back(core.handed_back);
  out.set_written_off(core.written_off);
  out.set_suspended(core.suspended);
  out.set_path_reason(core.path_reason);
  out.set_averaged(core.averaged);
  out.set_average_failed(core.average_failed);
}

void fill_peers(NodeStatus& out, const std::vector<LinkInfo>& links) {
  for (const LinkInfo& link : links) {
    auto& peer = *out.add_peers();
    peer.set_node(to_hex(link.peer.id));
    peer.set_stage(link.peer.stage.value());
    peer.set_address(link.peer.address);
    peer.set_is_linked(link.is_linked);
    peer.set_round_trip_ms(link.round_trip_ms);
    peer.set_last_error(link.last_error);
    if (!link.is_linked) continue;
    peer.set_was_dialled(link.peer.was_dialled);
    peer.set_codec(std::string(stage::codec_name(link.codec)));
    peer.set_bytes_sent(link.bytes_sent);
    peer.set_bytes_received(link.bytes_received);
    peer.set_linked_s(std::chrono::duration<double>(link.linked_for).count());
  }
}

}  // namespace

Journal::Journal(JournalFacts facts)
    : facts_(std::move(facts)),
      started_(std::chrono::duration_cast<Duration>(
          std::chrono::steady_clock::now().time_since_epoch())),
      now_(started_) {}

std::optional<WatchEvent> Journal::take(const Report& report, TimePoint now,
                                        std::uint32_t in_flight) {
  now_ = now;
  in_flight_ = in_flight;
  return std::visit([this](const auto& one) { return on(one); }, report);
}

NodeStatus Journal::status(const JournalView& view, TimePoint now) {
  NodeStatus out;
  out.set_node(to_hex(facts_.self));
  out.set_stage(facts_.slice.stage);
  out.set_stages(facts_.slice.stages);
  out.set_first_block(facts_.slice.first_block);
  out.set_blocks(facts_.slice.blocks);
  out.set_pid(static_cast<std::uint32_t>(::getpid()));
  out.set_version(facts_.version);
  out.set_device(facts_.stage.device);
  out.set_listen(facts_.listen);
  out.set_node_file(facts_.node_file);
  out.set_parameters(facts_.stage.parameters);
  out.set_param_bytes(facts_.stage.param_bytes);
  out.set_state_bytes(facts_.stage.state_bytes);
  fill_core(out, view.core);
  fill_peers(out, view.links);
  if (view.has_replicas) fill_replica(*out.mutable_replica_status(), view.core);

  busy_.sample(now, view.engine.busy_seconds);
  out.set_busy_ratio(busy_.per_second());
  out.set_compute_seconds(view.engine.busy_seconds);
  out.set_compute_cpu_seconds(view.engine.cpu_seconds);
  out.set_weight_versions(view.engine.weight_versions);
  out.set_drift_cosine(view.engine.drift_cosine);
  out.set_drift_norm(view.engine.drift_norm);
  out.set_rss_bytes(resident_bytes());
  out.set_stash_bytes(view.engine.kept_bytes + view.payload_bytes);
  out.set_bytes_sent(view.transport.bytes_sent);
  out.set_bytes_received(view.transport.bytes_received);
  out.set_bytes_relayed(view.transport.bytes_relayed);
  out.set_learning_rate(newest_update_.learning_rate);
  out.set_gradient_norm(newest_update_.gradient_norm);
  out.set_loss(newest_loss_);
  out.set_tokens(tokens_);
  out.set_seconds(std::chrono::duration<double>(now - started_).count());
  out.set_error(error_);
  return out;
}

void Journal::log_staleness(const swarm::Status& core, const EngineCounters& engine) {
  spdlog::info(
      "staleness updates={} mean={:.2f} max={:.0f} histogram={} drift_cosine={:.3f} "
      "drift_norm={:.3g} gradient_norm={:.2f}",
      core.version.value(), core.staleness_mean, core.staleness_max,
      fmt::join(counted_places(core.staleness_histogram), ","), engine.drift_cosine,
      engine.drift_norm, newest_update_.gradient_norm);
}

Journal::Event Journal::on(const swarm::PhaseChanged& report) {
  error_ = report.phase == swarm::Phase::kBlocked ? report.reason : "";
  const auto level = error_.empty() ? spdlog::level::info : spdlog::level::warn;
  spdlog::log(level, "phase phase={} epoch={} from={} reason={}", swarm::to_string(report.phase),
              report.epoch.value(), report.from.position, in_quotes(report.reason));
  WatchEvent event;
  auto& phase = *event.mutable_phase();
  phase.set_phase(swarm::to_string(report.phase));
  phase.set_epoch(report.epoch.value());
  phase.set_from_position(report.from.position);
  phase.set_reason(report.reason);
  return event;
}

Journal::Event Journal::on(const swarm::StepReported& report) {
  newest_loss_ = mean_loss(report.loss);
  stability_.on_loss(newest_loss_);
  tokens_ += report.loss.tokens;
  tokens_rate_.sample(now_, static_cast<double>(tokens_));
  spdlog::debug("step position={} id={} loss={:.4f}", report.position, to_string(report.id),
                newest_loss_);
  WatchEvent event;
  auto& step = *event.mutable_step();
  step.set_position(report.position);
  step.set_sequence(report.id.sequence.value());
  step.set_tokens(report.position * facts_.tokens_per_microbatch);
  step.set_loss(newest_loss_);
  step.set_learning_rate(newest_update_.learning_rate);
  step.set_tokens_per_s(tokens_rate_.per_second());
  step.set_in_flight(in_flight_);
  return event;
}

Journal::Event Journal::on(const swarm::EvalReported& report) {
  spdlog::info("evaluation position={} val_loss={:.6f} tokens={} final={}", report.position,
               mean_loss(report.loss), report.loss.tokens, report.is_final);
  WatchEvent event;
  auto& eval = *event.mutable_eval();
  eval.set_position(report.position);
  eval.set_tokens(report.position * facts_.tokens_per_microbatch);
  eval.set_loss(mean_loss(report.loss));
  eval.set_is_final(report.is_final);
  return event;
}

Journal::Event Journal::on(const swarm::Committed& report) {
  spdlog::info("checkpoint committed position={} epoch={}", report.checkpoint.position,
               report.checkpoint.epoch.value());
  WatchEvent event;
  event.mutable_checkpoint()->set_position(report.checkpoint.position);
  event.mutable_checkpoint()->set_change("committed");
  return event;
}

Journal::Event Journal::on(const swarm::WindowChanged& report) {
  spdlog::info("window micro-batches={} busy_before={:.3f} reason={}", report.window,
               report.busy_before, in_quotes(report.reason));
  return std::nullopt;
}

Journal::Event Journal::on(const swarm::Repeated& report) {
  spdlog::info("sent again id={} direction={} attempt={} reason={}", to_string(report.id),
               report.direction == swarm::Direction::kForward ? "forward" : "backward",
               report.attempt.value(), in_quotes(report.reason));
  return std::nullopt;
}

Journal::Event Journal::on(const swarm::PathReported& report) {
  static constexpr const char* kKinds[] = {"mended",  "suspended",   "resumed",
                                           "adopted", "handed back", "written off"};
  // A node that leaves is news for each micro-batch that it held: `status` sums it up.
  const bool is_rare = report.kind == swarm::PathReported::Kind::kWrittenOff;
  spdlog::log(is_rare ? spdlog::level::warn : spdlog::level::debug,
              "path id={} change={} stage={} reason={}", to_string(report.id),
              in_quotes(kKinds[static_cast<std::size_t>(report.kind)]), report.stage.value(),
              in_quotes(report.reason));
  return std::nullopt;
}

Journal::Event Journal::on(const swarm::Misbehaved& report) {
  return warn(fmt::format("peer {} misbehaved: {}", to_short(report.peer), to_string(report)));
}

Journal::Event Journal::on(const swarm::membership::MemberChanged& report) {
  const char* change = swarm::membership::to_string(report.standing);
  const auto& record = *report.record;
  spdlog::info("member node={} stage={} change={} reason={}", to_short(record.id),
               record.stage ? fmt::format("{}", record.stage->value()) : "none", change,
               in_quotes(report.reason));
  WatchEvent event;
  auto& member = *event.mutable_member();
  member.set_node(to_hex(record.id));
  member.set_has_stage(record.stage.has_value());
  member.set_stage(record.stage.value_or(StageIndex{}).value());
  member.set_change(change);
  member.set_reason(report.reason);
  return event;
}

/// An agreement that differs from the swarm's wish is told with its reason.
std::string linked_text(const LinkChanged& report) {
  const auto agreed = stage::codec_name(report.codec);
  if (report.codec == report.wished_codec) return fmt::format("linked, tensors in {}", agreed);
  return fmt::format("linked, tensors in {}: the peer does not decode {}", agreed,
                     stage::codec_name(report.wished_codec));
}

Journal::Event Journal::on(const LinkChanged& report) {
  const std::string change = report.is_linked ? linked_text(report) : "lost: " + report.reason;
  spdlog::info("link peer={} stage={} change={}", to_short(report.peer.id),
               report.peer.stage.value(), in_quotes(change));
  WatchEvent event;
  auto& peer = *event.mutable_peer();
  peer.set_node(to_hex(report.peer.id));
  peer.set_stage(report.peer.stage.value());
  peer.set_change(change);
  peer.set_is_notable(!report.is_linked || report.codec != report.wished_codec);
  return event;
}

Journal::Event Journal::on(const UpdateApplied& report) {
  newest_update_ = report.report;
  spdlog::trace("update version={} lr={:.3e} gradient_norm={:.3f}", report.version.value(),
                report.report.learning_rate, report.report.gradient_norm);
  const auto unstable = stability_.on_update(report.report.gradient_norm);
  return unstable ? warn(*unstable) : std::nullopt;
}

Journal::Event Journal::on(const CheckpointChanged& report) {
  const bool has_failed = report.change.starts_with("failed");
  spdlog::log(has_failed ? spdlog::level::warn : spdlog::level::info,
              "checkpoint position={} epoch={} change={}", report.checkpoint.position,
              report.checkpoint.epoch.value(), in_quotes(report.change));
  WatchEvent event;
  event.mutable_checkpoint()->set_position(report.checkpoint.position);
  event.mutable_checkpoint()->set_change(report.change);
  return event;
}

Journal::Event Journal::on(const Warned& report) {
  return warn(report.text);
}

Journal::Event Journal::on(const Failed& report) {
  error_ = report.error.message;
  spdlog::error("{}", error_);
  WatchEvent event;
  event.mutable_warning()->set_text(error_);
  return event;
}

Journal::Event Journal::warn(const std::string& text) {
  spdlog::warn("{}", text);
  WatchEvent event;
  event.mutable_warning()->set_text(text);
  return event;
}

}  // namespace brigade::daemon

#include "sim/trace.hpp"

#include <cinttypes>

namespace brigade::sim {
namespace {

constexpr std::uint64_t kActionCodes = 64;  // actions are told from events in the hash
constexpr std::uint64_t kNoteCode = 128;

const char* name_of(swarm::Receipt::Kind kind) {
  switch (kind) {
    case swarm::Receipt::Kind::kReceived:
      return "received";
    case swarm::Receipt::Kind::kApplied:
      return "applied";
    case swarm::Receipt::Kind::kMissing:
      return "missing";
    case swarm::Receipt::Kind::kBusy:
      return "busy";
    case swarm::Receipt::Kind::kRejected:
      return "rejected";
    case swarm::Receipt::Kind::kSpent:
      return "spent";
  }
  return "?";
}

const char* name_of(swarm::Direction direction) {
  return direction == swarm::Direction::kForward ? "of forward" : "of backward";
}

std::uint64_t pack(const swarm::CheckpointId& checkpoint) {
  return (std::uint64_t{checkpoint.epoch.value()} << 40) ^ checkpoint.position;
}

struct MessageReader {
  TraceRecord& record;

  void operator()(const swarm::Forward& m) const {
    record.name = "Forward";
    record.id = m.id;
    record.first = m.attempt.value();
    record.second = m.payload.id.value();
  }
  void operator()(const swarm::Backward& m) const {
    record.name = "Backward";
    record.id = m.id;
    record.first = m.attempt.value();
    record.second = m.payload.id.value();
  }
  void operator()(const swarm::Receipt& m) const {
    record.name =
        m.direction == swarm::Direction::kForward ? "Receipt of forward" : "Receipt of backward";
    record.detail = name_of(m.kind);
    record.id = m.id;
    record.first = m.attempt.value();
    record.second = static_cast<std::uint64_t>(m.kind);
  }
  void operator()(const swarm::Query& m) const {
    record.name = "Query";
    record.detail = name_of(m.direction);
    record.id = m.id;
    record.first = m.attempt.value();
  }
  void operator()(const swarm::UpBeacon& m) const {
    record.name = "UpBeacon";
    record.detail = m.needs_epoch ? "needs epoch" : m.is_ready ? "ready" : "not ready";
    record.id.epoch = m.epoch;
    record.first = m.applied;
    record.second = m.offers.empty() ? 0 : pack(m.offers.front());
  }
  void operator()(const swarm::DownBeacon& m) const {
    record.name = "DownBeacon";
    record.detail = m.is_over ? "over" : m.final_position ? "final" : "";
    record.id.epoch = m.epoch;
    record.first = pack(m.from);
    record.second = pack(m.committed);
  }
  void operator()(const swarm::NodeBeacon& m) const {
    record.name = "NodeBeacon";
    record.detail = m.is_leaving    ? "leaving"
                    : m.is_draining ? "draining"
                    : m.is_ready    ? "ready"
                                    : "";
    record.first = m.offer.path.size();
    record.second = m.gone.size();
  }
  void operator()(const swarm::PathRequest& m) const {
    static constexpr const char* kKinds[] = {"replan", "suspended", "resumed",
                                             "adopt",  "closed",    "sooner"};
    record.name = "PathRequest";
    record.detail = kKinds[static_cast<std::size_t>(m.kind)];
    record.id = m.id;
    record.first = m.stage.value();
    record.second = m.path.revision;
  }
  void operator()(const swarm::Share& m) const {
    record.name = "Share";
    record.detail = m.is_answer ? "answer" : "offer";
    record.first = m.round;
    record.second = m.payload.id.value();
  }
};

void read_message(const swarm::Message& message, std::uint64_t base, TraceRecord& record) {
  record.code = base + message.index();
  std::visit(MessageReader{record}, message);
}

struct EventReader {
  TraceRecord& record;

  void operator()(const swarm::Tick&) const { record.name = "Tick"; }
  void operator()(const swarm::LinkUp& e) const {
    record.name = "LinkUp";
    record.first = e.stage.value();
  }
  void operator()(const swarm::LinkDown&) const { record.name = "LinkDown"; }
  void operator()(const swarm::Received& e) const { read_message(e.message, 32, record); }
  void operator()(const swarm::ForwardDone& e) const {
    record.name = "ForwardDone";
    record.id = e.id;
    record.second = e.output.id.value();
  }
  void operator()(const swarm::BackwardDone& e) const {
    record.name = "BackwardDone";
    record.id = e.id;
    record.second = e.gradient.id.value();
  }
  void operator()(const swarm::UpdateDone& e) const {
    record.name = "UpdateDone";
    record.first = e.version.value();
  }
  void operator()(const swarm::SnapshotTaken& e) const {
    record.name = "SnapshotTaken";
    record.first = pack(e.checkpoint);
  }
  void operator()(const swarm::RestoreDone& e) const {
    record.name = "RestoreDone";
    record.detail = e.succeeded ? "" : "failed";
    record.first = pack(e.checkpoint);
    record.second = (e.succeeded ? 1 : 0) + e.kept.gradients.size();
  }
  void operator()(const swarm::ShareTaken& e) const {
    record.name = "ShareTaken";
    record.first = e.round;
    record.second = e.payload.id.value();
  }
  void operator()(const swarm::Blended& e) const {
    record.name = "Blended";
    record.detail = e.succeeded ? "" : "failed";
    record.first = e.round;
  }
  void operator()(const swarm::StartFrom& e) const {
    record.name = "StartFrom";
    record.first = pack(e.checkpoint);
  }
  void operator()(const swarm::ReplicasCounted& e) const {
    record.name = "ReplicasCounted";
    record.first = e.replicas;
    record.second = e.after;
  }
  void operator()(const swarm::InputRejected& e) const {
    record.name = "InputRejected";
    record.detail = name_of(e.direction);
    record.id = e.id;
  }
  void operator()(const swarm::SnapshotStored& e) const {
    record.name = "SnapshotStored";
    record.detail = e.succeeded ? "" : "failed";
    record.first = pack(e.checkpoint);
    record.second = e.succeeded ? 1 : 0;
  }
  void operator()(const swarm::CheckpointFound& e) const {
    record.name = "CheckpointFound";
    record.first = pack(e.checkpoint);
  }
  void operator()(const swarm::StopRequested&) const { record.name = "StopRequested"; }
};

struct ActionReader {
  TraceRecord& record;

  void operator()(const swarm::Send& a) const {
    read_message(a.message, kActionCodes + 32, record);
  }
  void operator()(const swarm::Release& a) const {
    record.name = "Release";
    record.second = a.payload.value();
  }
  void operator()(const swarm::RunForward& a) const {
    record.name = "RunForward";
    record.id = a.id;
    record.first = a.keeps ? 1 : 0;
    record.second = a.input.id.value();
  }
  void operator()(const swarm::RunBackward& a) const {
    record.name = "RunBackward";
    record.id = a.id;
    record.first = a.input.id.value();
    record.second = a.gradient.id.value();
  }
  void operator()(const swarm::RunUpdate& a) const {
    record.name = "RunUpdate";
    record.first = a.version.value();
    record.second = a.microbatches;
  }
  void operator()(const swarm::RunSnapshot& a) const {
    record.name = "RunSnapshot";
    record.first = pack(a.checkpoint);
    record.second = a.next_sequence.value();
  }
  void operator()(const swarm::RunRestore& a) const {
    record.name = "RunRestore";
    record.id.epoch = a.epoch;
    record.first = pack(a.checkpoint);
  }
  void operator()(const swarm::RunShare& a) const {
    record.name = "RunShare";
    record.first = a.round;
  }
  void operator()(const swarm::RunBlend& a) const {
    record.name = "RunBlend";
    record.first = a.round;
    record.second = a.theirs.id.value();
  }
  void operator()(const swarm::Forget& a) const {
    record.name = "Forget";
    record.id = a.id;
  }
  void operator()(const swarm::StoreSnapshot& a) const {
    record.name = "StoreSnapshot";
    record.first = pack(a.checkpoint);
  }
  void operator()(const swarm::RemoveCheckpoint& a) const {
    record.name = "RemoveCheckpoint";
    record.first = pack(a.checkpoint);
  }
  void operator()(const swarm::PhaseChanged& a) const {
    record.name = "PhaseChanged";
    record.detail = a.reason;
    record.id.epoch = a.epoch;
    record.first = static_cast<std::uint64_t>(a.phase);
    record.second = pack(a.from);
  }
  void operator()(const swarm::StepReported& a) const {
    record.name = "StepReported";
    record.id = a.id;
    record.first = a.position;
  }
  void operator()(const swarm::EvalReported& a) const {
    record.name = "EvalReported";
    record.first = a.position;
    record.second = a.loss.tokens;
  }
  void operator()(const swarm::Committed& a) const {
    record.name = "Committed";
    record.first = pack(a.checkpoint);
  }
  void operator()(const swarm::WindowChanged& a) const {
    record.name = "WindowChanged";
    record.detail = a.reason;
    record.first = a.window;
  }
  void operator()(const swarm::Repeated& a) const {
    record.name = "Repeated";
    record.detail = a.reason;
    record.id = a.id;
    record.first = a.attempt.value();
  }
  void operator()(const swarm::PathReported& a) const {
    record.name = "PathReported";
    record.detail = a.reason;
    record.id = a.id;
    record.first = static_cast<std::uint64_t>(a.kind);
    record.second = a.stage.value();
  }
  void operator()(const swarm::LinkWanted& a) const {
    record.name = "LinkWanted";
    record.detail = a.is_wanted ? "yes" : "not any more";
  }
  void operator()(const swarm::Misbehaved& a) const {
    record.name = "Misbehaved";
    record.detail = a.what;
  }
};

}  // namespace

TraceRecord to_record(const swarm::Event& event) {
  TraceRecord record;
  record.code = event.index();
  std::visit(EventReader{record}, event);
  return record;
}

TraceRecord to_record(const swarm::Action& action) {
  TraceRecord record;
  record.is_action = true;
  record.code = kActionCodes + action.index();
  std::visit(ActionReader{record}, action);
  return record;
}

std::string to_string(const TraceRecord& record) {
  char line[256];
  const double seconds = std::chrono::duration<double>(record.at.time_since_epoch()).count();
  std::snprintf(line, sizeof line, "%12.6f s  node %-4u %s %-20s %-10s %" PRIu64 " %" PRIu64 " %s",
                seconds, record.host, record.is_action ? "->" : "<-", record.name,
                brigade::to_string(record.id).c_str(), record.first, record.second, record.detail);
  return line;
}

void Trace::note(TimePoint at, std::uint32_t host, const char* what, std::uint64_t argument) {
  TraceRecord record;
  record.name = what;
  record.code = kNoteCode;
  record.first = argument;
  add(at, host, record);
}

void Trace::add(TimePoint at, std::uint32_t host, TraceRecord record) {
  record.at = at;
  record.host = host;
  mix(static_cast<std::uint64_t>(at.time_since_epoch().count()));
  mix((record.code << 32) ^ host);
  mix((std::uint64_t{record.id.epoch.value()} << 40) ^ (record.id.sequence.value() << 1) ^
      static_cast<std::uint64_t>(record.id.kind));
  mix(record.first ^ (record.second << 32) ^ (record.second >> 32));
  if (live_ != nullptr) std::fprintf(live_, "%s\n", to_string(record).c_str());
  ring_[count_++ % kLines] = record;
}

std::string Trace::tail() const {
  std::string text;
  const std::uint64_t shown = count_ < kLines ? count_ : kLines;
  for (std::uint64_t i = count_ - shown; i < count_; ++i) {
    text += to_string(ring_[i % kLines]);
    text += '\n';
  }
  return text;
}

}  // namespace brigade::sim

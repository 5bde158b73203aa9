// Turns the driver's reports into log lines and watch events, and keeps the newest numbers for
// status. Decides nothing.
//
// Threading: core strand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <brigade/control/v1/control.pb.h>
#include "base/time.hpp"
#include "daemon/engine.hpp"
#include "daemon/rate.hpp"
#include "daemon/report.hpp"
#include "daemon/stability_watch.hpp"
#include "daemon/transport.hpp"
#include "swarm/node.hpp"

namespace brigade::daemon {

/// What does not change while the daemon runs.
struct JournalFacts {
  NodeId self;
  std::string version;  // of the software
  stage::Slice slice;
  StageFacts stage;
  std::string listen;
  std::string node_file;                    // empty: its settings came from none
  std::uint64_t tokens_per_microbatch = 0;  // B·T
};

/// Looked at when a status is made.
struct JournalView {
  swarm::Status core;
  EngineCounters engine;
  TransportCounters transport;
  std::vector<LinkInfo> links;
  bool has_replicas = false;  // in a swarm with an owner
  std::uint64_t payload_bytes = 0;
};

class Journal {
 public:
  explicit Journal(JournalFacts facts);

  /// Logs the report; the event is for watchers, absent where they need not know. `in_flight` is
  /// the core's number now.
  std::optional<control::v1::WatchEvent> take(const Report& report, TimePoint now,
                                              std::uint32_t in_flight);
  control::v1::NodeStatus status(const JournalView& view, TimePoint now);
  /// Feeds the busy meter; call about once a second.
  void sample(TimePoint now, double busy_seconds) { busy_.sample(now, busy_seconds); }
  /// One line with all that is measured of it.
  void log_staleness(const swarm::Status& core, const EngineCounters& engine);

 private:
  using Event = std::optional<control::v1::WatchEvent>;
  Event on(const swarm::PhaseChanged& report);
  Event on(const swarm::StepReported& report);
  Event on(const swarm::EvalReported& report);
  Event on(const swarm::Committed& report);
  Event on(const swarm::WindowChanged& report);
  Event on(const swarm::Repeated& report);
  Event on(const swarm::PathReported& report);
  Event on(const swarm::Misbehaved& report);
  Event on(const swarm::membership::MemberChanged& report);
  Event on(const LinkChanged& report);
  Event on(const UpdateApplied& report);
  Event on(const CheckpointChanged& report);
  Event on(const Warned& report);
  Event on(const Failed& report);
  Event warn(const std::string& text);

  const JournalFacts facts_;
  const TimePoint started_;
  TimePoint now_;
  std::uint32_t in_flight_ = 0;
  stage::UpdateReport newest_update_;
  double newest_loss_ = 0;  // nats a token
  std::uint64_t tokens_ = 0;
  std::string error_;
  RateMeter tokens_rate_;
  RateMeter busy_;
  StabilityWatch stability_;
};

}  // namespace brigade::daemon

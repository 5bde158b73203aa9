// What the driver tells about itself: feeds the log, the control service and systemd. Nothing is
// decided by it.
#pragma once

#include <string>
#include <variant>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "daemon/transport.hpp"
#include "stage_runtime/stage.hpp"
#include "swarm/action.hpp"
#include "swarm/membership/action.hpp"

namespace brigade::daemon {

struct LinkChanged {
  PeerAddress peer;
  bool is_linked = false;
  std::string reason;                 // why it went down
  Codec codec = Codec::kFp32;         // agreed on, while it is up
  Codec wished_codec = Codec::kFp32;  // the swarm's
};
struct UpdateApplied {
  Version version;
  stage::UpdateReport report;
};
struct CheckpointChanged {
  swarm::CheckpointId checkpoint;
  std::string change;  // taken, stored, failed: …, removed, restored
};
struct Warned {
  std::string text;
};
/// The node can't go on; the daemon stops with this error.
struct Failed {
  Error error;
};

using Report =
    std::variant<swarm::PhaseChanged, swarm::StepReported, swarm::EvalReported, swarm::Committed,
                 swarm::WindowChanged, swarm::Repeated, swarm::PathReported, swarm::Misbehaved,
                 swarm::membership::MemberChanged, LinkChanged, UpdateApplied, CheckpointChanged,
                 Warned, Failed>;

}  // namespace brigade::daemon

// What happens to the membership of a node: its only inputs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/message.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership {

struct Tick {};  // nothing but time passed

/// A link to a peer whose key the handshake has proved. Answers Dial, or the peer dialled.
struct LinkUp {
  NodeId peer;
  bool was_dialled_here = false;
};
struct LinkDown {
  NodeId peer;
  bool was_closed = false;  // the peer said so: no sign that it died
};
struct DialFailed {
  NodeId peer;
};
struct Received {
  NodeId from;
  Message message;
};

/// A record from outside the swarm's own gossip: a cached peer, the static list, discovery. It is
/// dialled before it is believed.
struct Learned {
  RecordPtr record;
};

/// What the node does from now on.
struct DoingChanged {
  Doing doing = Doing::kSpare;
  std::optional<StageIndex> stage;
  StageIndex target;
  bool stays = false;
  bool has_state = false;
};
/// What the driver found out about its own machine.
struct ReachChanged {
  bool can_be_dialled = false;
  std::vector<std::string> addresses;
};
struct PaceChanged {
  Duration pace{};
};
/// Training needs this link (or needs it no more): it is dialled when it is down, and not dropped.
struct PinChanged {
  NodeId peer;
  bool is_pinned = false;
};
/// It may not be a member any more. Whatever else is said of it the driver holds back.
struct Expelled {
  NodeId node;
};

using Event = std::variant<Tick, LinkUp, LinkDown, DialFailed, Received, Learned, DoingChanged,
                           ReachChanged, PaceChanged, PinChanged, Expelled>;

}  // namespace brigade::swarm::membership

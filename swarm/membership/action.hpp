// What the membership of a node wants done: its only outputs. Every reason is a literal.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "swarm/membership/message.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership {

enum class Standing : std::uint8_t {
  kAlive,
  kSuspected,  // somebody could not reach it; it has time to say otherwise
  kDead,       // it did not: remembered with its addresses
  kGone,       // it said goodbye
};

struct Send {
  NodeId to;
  Message message;
};
/// Answered by LinkUp or DialFailed.
struct Dial {
  RecordPtr record;
  const char* reason;
};
/// Close the link with a goodbye that says why. No LinkDown follows.
struct Drop {
  NodeId peer;
  const char* reason;
};
/// News of a member: who routes, averages, plans and keeps state listens here.
struct MemberChanged {
  RecordPtr record;
  Standing standing;
  const char* reason;
};
/// Out of this node's interest now; nothing is known to be wrong with it.
struct MemberForgotten {
  NodeId member;
  const char* reason;
};
/// This node was suspected, or its record had to change: it is in a new incarnation.
struct Renewed {
  Incarnation incarnation;
  const char* reason;
};
struct Misbehaved {  // feeds the peer's score
  NodeId peer;
  const char* what;
};
/// A second process uses this node's key.
struct RunsTwice {
  Incarnation incarnation;  // of the other
};

using Action =
    std::variant<Send, Dial, Drop, MemberChanged, MemberForgotten, Renewed, Misbehaved, RunsTwice>;

/// In the order in which they were decided, until the driver polls them.
class Actions {
 public:
  void push(Action action) { actions_.push_back(std::move(action)); }
  std::optional<Action> poll() {
    if (next_ == actions_.size()) {
      actions_.clear();
      next_ = 0;
      return std::nullopt;
    }
    return std::move(actions_[next_++]);
  }

 private:
  std::vector<Action> actions_;
  std::size_t next_ = 0;
};

const char* to_string(Standing standing);

}  // namespace brigade::swarm::membership

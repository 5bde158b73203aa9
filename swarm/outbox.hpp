// Where the workbench puts what the engine made: the conversation with the stages before and after.
#pragma once

#include <string>

#include "base/time.hpp"
#include "swarm/ledger.hpp"

namespace brigade::swarm {

class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void send_activation(TimePoint now, Slot slot, const Payload& output) = 0;
  /// The entry is applied; at the head it is closed.
  virtual void send_gradient(TimePoint now, Slot slot, const Payload& gradient) = 0;
  /// The loss of an evaluation batch is known: on to the head, where it is closed.
  virtual void send_result(TimePoint now, Slot slot) = 0;
  /// What a checkpoint of this moment keeps beside it.
  virtual Kept kept() const { return {}; }
  /// The engine refused what a peer sent, and says why; the entry is gone (forward) or waits again.
  virtual void reject(TimePoint now, Slot slot, Direction direction, const std::string& why) = 0;
};

}  // namespace brigade::swarm

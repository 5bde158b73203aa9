// Actions in the order in which they were decided, until the driver polls them.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "swarm/action.hpp"

namespace brigade::swarm {

class ActionQueue {
 public:
  void push(Action action) { actions_.push_back(std::move(action)); }
  /// Releases `payload` and forgets it; nothing for an empty one.
  void release(Payload& payload) {
    if (!payload.is_empty()) push(Release{payload.id});
    payload = Payload{};
  }
  std::optional<Action> poll() {
    if (next_ == actions_.size()) {
      actions_.clear();  // keeps the memory: no allocation once warm
      next_ = 0;
      return std::nullopt;
    }
    return std::move(actions_[next_++]);
  }

 private:
  std::vector<Action> actions_;
  std::size_t next_ = 0;
};

}  // namespace brigade::swarm

// What is behind the facade of a node (node.hpp): a line's core, or that of a swarm with replicas.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "swarm/node.hpp"

namespace brigade::swarm {

class Core {
 public:
  virtual ~Core() = default;
  virtual void handle(TimePoint now, const Event& event) = 0;
  virtual std::optional<Action> poll_action() = 0;
  virtual TimePoint next_wakeup() const = 0;
  virtual Status status() const = 0;
  virtual std::vector<Given> given(TimePoint) const { return {}; }
};

std::unique_ptr<Core> make_line_core(const Options& options, StartState start, TimePoint now);
std::unique_ptr<Core> make_replica_core(const Options& options, StartState start, TimePoint now);

}  // namespace brigade::swarm

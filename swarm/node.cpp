#include "swarm/node.hpp"

#include <utility>

#include "swarm/core.hpp"

namespace brigade::swarm {

Node::Node(const Options& options, StartState start, TimePoint now)
    : core_(options.has_replicas ? make_replica_core(options, std::move(start), now)
                                 : make_line_core(options, std::move(start), now)) {}
Node::~Node() = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;

void Node::handle(TimePoint now, const Event& event) {
  core_->handle(now, event);
}
std::optional<Action> Node::poll_action() {
  return core_->poll_action();
}
TimePoint Node::next_wakeup() const {
  return core_->next_wakeup();
}
Status Node::status() const {
  return core_->status();
}
std::vector<Given> Node::given(TimePoint now) const {
  return core_->given(now);
}

}  // namespace brigade::swarm

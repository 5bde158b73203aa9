#include "swarm/router.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace brigade::swarm {

bool Router::on_up(const NodeId& peer, StageIndex stage) {
  on_down(peer);
  const bool is_neighbour =
      stage.value() < stages_ && (stage.next() == self_ || self_.next() == stage);
  if (!is_neighbour || links_.size() >= limits::kMaxLinks) return false;
  links_.push_back({peer, stage});
  return true;
}

std::optional<StageIndex> Router::on_down(const NodeId& peer) {
  const auto it = std::find_if(links_.begin(), links_.end(),
                               [&](const Link& link) { return link.peer == peer; });
  if (it == links_.end()) return std::nullopt;
  const StageIndex stage = it->stage;
  links_.erase(it);
  return stage;
}

Router::Choice Router::choose(StageIndex stage) const {
  for (const Link& link : links_) {
    if (link.stage == stage) return {&link.peer, "the only way, or the link that is up longest"};
  }
  return {nullptr, "no link to the stage is up"};
}

bool Router::is_peer_of(const NodeId& peer, StageIndex stage) const {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const Link& link) { return link.stage == stage && link.peer == peer; });
}

}  // namespace brigade::swarm

#include "swarm/restored.hpp"

#include <algorithm>
#include <iterator>

#include "base/limits.hpp"

namespace brigade::swarm {

void Restored::take_over(TimePoint until, const Kept& kept, ActionQueue& actions) {
  until_ = until;
  closed_ = kept.closed;
  for (const Kept::Gradient& one : kept.gradients) {
    const bool has_room = waiting_.size() < limits::kMaxKeptOverRestart;
    if (has_room && waiting_.try_emplace(one.id, Waiting{one.loss, one.payload}).second) continue;
    Payload payload = one.payload;
    actions.release(payload);
  }
}

std::optional<Kept::Gradient> Restored::take(const MicrobatchId& id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end() || found->second.payload.is_empty()) return std::nullopt;
  const Kept::Gradient kept{id, found->second.loss, found->second.payload};
  waiting_.erase(found);
  return kept;
}

bool Restored::is_spent(const MicrobatchId& id) const {
  const auto found = waiting_.find(id);
  return found != waiting_.end() && found->second.payload.is_empty();
}

bool Restored::take_spent(const MicrobatchId& id) {
  return is_spent(id) && waiting_.erase(id) > 0;
}

bool Restored::is_closed(const MicrobatchId& id) const {
  return std::ranges::any_of(closed_, [&](const Kept::Range& range) {
    return range.head == id.head && range.first <= id.sequence && id.sequence < range.end;
  });
}

void Restored::settle_below(HeadIndex head, Sequence floor, ActionQueue& actions) {
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    const bool is_closed = one->first.head == head && one->first.sequence < floor;
    if (is_closed) actions.release(one->second.payload);
    one = is_closed ? waiting_.erase(one) : std::next(one);
  }
}

void Restored::expire(TimePoint now, ActionQueue& actions) {
  if (now < until_) return;
  until_ = kNever;
  for (auto& [id, kept] : waiting_) actions.release(kept.payload);
}

void Restored::let_go(ActionQueue& actions) {
  for (auto& [id, kept] : waiting_) actions.release(kept.payload);
  waiting_.clear();
}

void Restored::add_to(Kept& kept) const {
  for (const auto& [id, one] : waiting_) kept.gradients.push_back({id, one.loss, one.payload});
  kept.closed.insert(kept.closed.end(), closed_.begin(), closed_.end());
}

std::uint32_t Restored::unasked() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      waiting_, [](const auto& one) { return !one.second.payload.is_empty(); }));
}

}  // namespace brigade::swarm

#include "swarm/membership/rumours.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::swarm::membership {

void Rumours::push(Item item) {
  if (items_.size() >= limits::kMaxWaitingRumours) {
    const auto has_fewer = [](const Item& a, const Item& b) { return a.rounds < b.rounds; };
    items_.erase(std::min_element(items_.begin(), items_.end(), has_fewer));
  }
  items_.push_back(std::move(item));
}

void Rumours::note(std::uint64_t subject, std::uint64_t observer, Incarnation incarnation,
                   std::uint64_t bit) {
  for (Item& item : items_) {
    if (item.subject != subject || item.observer != observer) continue;
    if (item.incarnation == incarnation) item.known |= bit;
  }
}

void Rumours::forget(std::uint64_t bit) {
  for (Item& item : items_) item.known &= ~bit;
}

void Rumours::supersede(std::uint64_t subject, Incarnation incarnation) {
  std::erase_if(items_, [&](const Item& item) {
    return item.subject == subject && (item.incarnation < incarnation || item.observer != 0);
  });
}

void Rumours::take(const Link& link, std::vector<Rumour>& out) {
  chosen_.clear();
  for (std::uint32_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    const bool is_its_own = item.subject == link.prefix && item.observer == 0;
    if ((item.known & link.bit) != 0 || is_its_own) continue;  // what is said against it, it hears
    if (link.interest.has(item.group) || link.interest.has(item.former)) chosen_.push_back(i);
  }
  if (chosen_.size() > limits::kMaxRumours) {
    const auto end = chosen_.begin() + static_cast<std::ptrdiff_t>(limits::kMaxRumours);
    std::nth_element(chosen_.begin(), end, chosen_.end(), [&](std::uint32_t a, std::uint32_t b) {
      const std::uint32_t of_a = items_[a].rounds;
      const std::uint32_t of_b = items_[b].rounds;
      return of_a != of_b ? of_a > of_b : a < b;
    });
    chosen_.erase(end, chosen_.end());
    std::sort(chosen_.begin(), chosen_.end());
  }
  for (const std::uint32_t i : chosen_) {
    out.push_back(items_[i].rumour);
    items_[i].known |= link.bit;
  }
}

void Rumours::end_round() {
  for (Item& item : items_) --item.rounds;
  std::erase_if(items_, [](const Item& item) { return item.rounds == 0; });
}

}  // namespace brigade::swarm::membership

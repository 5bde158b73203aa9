#include "daemon/members/mover.hpp"

#include <algorithm>

#include "daemon/members/keeper.hpp"

namespace brigade::daemon {

namespace {

std::size_t size_of(const Crew& crew) {
  return std::max(crew.nodes.size() + crew.fixed.size(), crew.nodes_told);
}

}  // namespace

bool Mover::is_chosen(const Crew& richest, StageIndex target) const {
  const auto first = std::ranges::min_element(
      richest.nodes, {}, [&](const NodeId& node) { return Keeper::rank_of(node, target); });
  return first != richest.nodes.end() && *first == self_;
}

std::optional<Mover::Move> Mover::decide(TimePoint now, const std::vector<Crew>& crews) {
  std::optional<StageIndex> vacant;
  std::optional<StageIndex> emptiest;
  std::optional<StageIndex> richest;
  for (std::uint32_t i = 0; i < crews.size(); ++i) {
    const StageIndex stage(i);
    const Crew& crew = crews[i];
    const bool can_spare = !crew.nodes.empty() && size_of(crew) > 1;
    if (can_spare && (!richest || size_of(crew) > size_of(crews[richest->value()])))
      richest = stage;
    if (i == 0 && !gives_data_) continue;
    if (!emptiest || size_of(crew) < size_of(crews[emptiest->value()])) emptiest = stage;
    if (size_of(crew) > 0 || crew.awaits_one) {
      vacant_since_.erase(stage);
    } else if (now - vacant_since_.try_emplace(stage, now).first->second >= kVacant && !vacant) {
      vacant = stage;
    }
  }
  if (!richest || !emptiest) return std::nullopt;
  const Crew& rich = crews[richest->value()];
  const Crew& poor = crews[emptiest->value()];
  const bool is_tilted = size_of(rich) >= size_of(poor) + kTilt && !poor.awaits_one;
  if (!is_tilted) tilted_since_.reset();
  if (is_tilted && !tilted_since_) tilted_since_ = now;
  if (richest != stage_) return std::nullopt;
  // A stage without anybody holds up all: for it nobody stays.
  if (vacant && is_chosen(rich, *vacant))
    return Move{*vacant, "nobody hosts it", std::chrono::seconds{1}};
  const bool is_settled = now - arrived_at_ >= kStays;
  const bool has_lasted = is_tilted && now - *tilted_since_ >= kUnbalanced;
  if (has_lasted && is_settled && is_chosen(rich, *emptiest))
    return Move{*emptiest, "it has fewer nodes than this one", kToFinish};
  return std::nullopt;
}

}  // namespace brigade::daemon

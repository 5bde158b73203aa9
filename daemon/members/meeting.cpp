// With whom this node trains, and how neighbours meet of whom neither can dial the other.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "daemon/core_clock.hpp"
#include "daemon/members/members.hpp"

namespace brigade::daemon {

namespace membership = swarm::membership;
using std::chrono::seconds;

namespace {

constexpr Duration kMeetEvery = seconds{1};
constexpr Duration kKnockEvery = seconds{10};
constexpr Duration kUnderway = std::chrono::minutes{2};  // who moves is waited for
constexpr std::size_t kEnoughDials = 3;  // that failed, of a neighbour that says to be reached

}  // namespace

// ---- Who trains with whom -------------------------------------------------------------------

/// Not where it does not say which start of it this is: that can't be told from one before.
bool Members::trains_with(const PeerAddress& peer) const {
  return peer.instance != 0 && neighbours_.trains_with(peer.stage);
}

void Members::want_link(const swarm::LinkWanted& wish) {
  neighbours_.want(wish.peer, wish.is_wanted);
  choose_neighbours();
}

void Members::choose_neighbours() {
  if (has_left_) return;
  const std::set<NodeId> old = std::exchange(kept_, neighbours_.chosen());
  for (const NodeId& node : old)
    if (!kept_.contains(node)) handle(membership::PinChanged{node, false});
  for (const NodeId& node : kept_)
    if (!old.contains(node)) handle(membership::PinChanged{node, true});
  if (!setup_.count_replicas) return;
  const auto& view = membership_.view();
  const bool is_tail = stage_.value() + 1 == stages_;
  setup_.count_replicas({std::max(view.counts(stage_).serving, 1U),
                         is_tail ? 0 : view.counts(stage_.next()).serving});
}

// ---- Neighbours that neither can dial --------------------------------------------------------

/// A neighbour that can't be dialled dials this node, unless this node can't be dialled either:
/// then the one with the smaller id goes through a third.
void Members::meet_neighbours() {
  if (has_left_) return;
  for (const NodeId& neighbour : kept_) meet(neighbour);
  knock_again();
  keep_balance();
  meet_timer_.expires_after(kMeetEvery);
  meet_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) meet_neighbours();
  });
}

/// Goes where a node is needed more; whoever moves says so before it leaves.
void Members::keep_balance() {
  if (target_ || rests_ || !setup_.may_move || !beginning_.waiting_for().empty()) return;
  const TimePoint now = core_now();
  std::vector<Crew> crews(stages_);
  for (const MemberInfo& member : list()) {
    const membership::NodeRecord& record = *member.record;
    if (record.doing == membership::Doing::kMoving)
      underway_.try_emplace(record.id, Underway{record.target, now});
    if (record.doing == membership::Doing::kLeaving) crews[record.stage->value()].awaits_one = true;
    if (record.doing != membership::Doing::kServing || !record.stage) continue;
    const auto arrived = underway_.find(record.id);
    if (arrived != underway_.end() && arrived->second.to == *record.stage) underway_.erase(arrived);
    Crew& crew = crews[record.stage->value()];
    (record.stays ? crew.fixed : crew.nodes).push_back(record.id);
  }
  std::erase_if(underway_,
                [now](const auto& entry) { return now - entry.second.since > kUnderway; });
  for (const auto& [node, move] : underway_)
    if (move.to.value() < stages_) crews[move.to.value()].awaits_one = true;
  // Of far stages of a large swarm this node knows figures, not nodes.
  for (std::uint32_t stage = 0; stage < stages_; ++stage)
    crews[stage].nodes_told = membership_.summary(now, StageIndex(stage)).serving;
  const auto move = mover_.decide(now, crews);
  if (!move) return;
  target_ = move->to;
  spdlog::info("moves from={} to={} reason=\"{}\"", stage_.value(), move->to.value(), move->reason);
  say_what_it_does();
  setup_.move_to(*move);
}

/// Whoever knows nobody any more tries the doors that it knew at the start.
void Members::knock_again() {
  const auto& doors = setup_.entry.doors;
  if (!linked_.empty() || doors.empty() || core_now() - knocked_ < kKnockEvery) return;
  knocked_ = core_now();
  const trust::Contact& door = doors[next_door_++ % doors.size()];
  if (notary_.revocations().of(door.node) != nullptr) return;
  transport_->dial(door.node, door.address);
  ask_at(door);
}

void Members::meet(const NodeId& peer) {
  const TimePoint now = core_now();
  const auto tried = relayed_.find(peer);
  const bool is_under_way = tried != relayed_.end() && now - tried->second.since < kTunnelLimit;
  const membership::View::Member* member = membership_.view().present(peer);
  if (member == nullptr || linked_.contains(peer) || is_under_way) return;
  // What somebody says of being reached holds until it was tried.
  const auto failed = failed_dials_.find(peer);
  const bool has_failed = failed != failed_dials_.end() && failed->second >= kEnoughDials;
  const bool is_cut_off = is_reachable_ == false || port_ == 0 || has_failed;
  const bool can_dial = member->record->can_be_dialled && !has_failed;
  if (can_dial || !is_cut_off || peer < setup_.identity.id) return;
  const std::vector<RelayAddress> relays = relays_to(*member->record);
  if (relays.empty()) return;
  const RelayAddress& relay = relays[next_relay_++ % relays.size()];
  spdlog::info("dial peer={} through={}", to_short(peer), to_short(relay.node));
  relayed_.insert_or_assign(peer, Relayed{relay.node, now});
  transport_->dial_through(peer, relay);
}

/// First those that the peer says to be linked with, then any that may be.
std::vector<RelayAddress> Members::relays_to(const membership::NodeRecord& record) const {
  std::vector<RelayAddress> named;
  std::vector<RelayAddress> others;
  for (const MemberInfo& member : list()) {
    const NodeId& id = member.record->id;
    if (member.is_self || !member.record->can_be_dialled || id == record.id) continue;
    const bool is_named = std::find(record.via.begin(), record.via.end(), id) != record.via.end();
    if (is_named || member.is_linked)
      (is_named ? named : others).push_back({id, member.record->addresses.front()});
  }
  return named.empty() ? others : named;
}

}  // namespace brigade::daemon

#include "swarm/path_finder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace brigade::swarm {
namespace {

constexpr double kWorthPaces = 0.25;  // sooner, for another path
constexpr double kTaskShare = 0.5;    // of a pace, that one task takes: two are a micro-batch
// How much later than the soonest its own opposite may begin, in mean paces, where all are alike.
// Queues come and go: who turns to another at once disturbs that one's line, and so on through the
// stages. Where machines differ lines do, too, and it is less by the square of how much.
constexpr double kSoonPaces = 8;
constexpr std::uint32_t kMostAhead = 8;  // machines differ by as much
constexpr int kLateDeadlines = 2;        // for gradients
constexpr int kLatePaces = 8;            // of what it holds, by its own account
constexpr double kMostCredit = 8;        // in weights: what a replica that was away may catch up

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

PathFinder::PathFinder(const Options& options, const PeerBook& peers)
    : stages_(options.stages),
      stage_(options.stage),
      self_(options.self),
      peers_(peers),
      pauses_(options),
      late_(kLateDeadlines * options.gradient_deadline) {}

const PathFinder::Record* PathFinder::record_of(const Holder& next) const {
  const auto found = records_.find(next.instance);
  return found == records_.end() ? nullptr : &found->second;
}

bool PathFinder::gives_nothing(TimePoint now, const PeerBook::Peer& peer) const {
  const Record* record = record_of(peer.holder);
  if (record == nullptr || record->held == 0) return false;
  const Duration since = now - record->back_at;
  return since > late_ && since > kLatePaces * static_cast<int>(record->held) * peer.offer.pace;
}

bool PathFinder::is_late(TimePoint now, const PeerBook::Peer& peer) const {
  return gives_nothing(now, peer) &&
         back_at_ - record_of(peer.holder)->back_at > late_ / 2;  // others went on
}

void PathFinder::leave_out_greedy(std::vector<Candidate>& all) const {
  const auto held_by = [&](const Candidate& one) {
    const Record* record = record_of(one.peer->holder);
    return record == nullptr ? 0 : record->held;
  };
  if (all.empty()) return;
  const std::uint32_t least = held_by(*std::ranges::min_element(all, {}, held_by));
  const std::uint32_t most = std::max(kMostAhead * (least + 1), kPlacesOfAReplica * stages_);
  std::erase_if(all, [&](const auto& one) { return held_by(one) >= most; });
}

std::vector<PathFinder::Candidate> PathFinder::candidates(TimePoint now,
                                                          std::uint64_t except) const {
  std::vector<Candidate> all;
  double known = 0;  // mean pace of those that know theirs, for those that do not
  int measured = 0;
  peers_.each_at(stage_.next(), [&](const PeerBook::Peer& peer) {
    const bool is_next = peer.is_live && peer.is_ready &&
                         peer.offer.path.size() == stages_ - stage_.value() - 1 &&
                         peer.offer.path.front() == peer.holder;
    if (!is_next || peer.holder.instance == except) return;
    const Record* record = record_of(peer.holder);
    if (record != nullptr && record->not_before > now) return;
    if (is_late(now, peer)) return;
    all.push_back({&peer, 0});
    if (peer.offer.pace <= Duration::zero()) return;
    known += seconds(peer.offer.pace);
    ++measured;
  });
  const double usual = measured > 0 ? known / measured : 1;
  leave_out_greedy(all);
  double least = std::numeric_limits<double>::max();
  for (Candidate& candidate : all) {
    const Offer& offer = candidate.peer->offer;
    const double pace = offer.pace > Duration::zero() ? seconds(offer.pace) : usual;
    const Record* record = record_of(candidate.peer->holder);
    const bool is_newest = record != nullptr && record->offer_at == candidate.peer->offer_at;
    const std::uint32_t queue = offer.queue + (is_newest ? record->since_offer : 0);
    candidate.wait_s = queue * kTaskShare * pace + seconds(candidate.peer->round_trip) / 2;
    candidate.weight = candidate.rate = 1 / pace;
    least = std::min(least, candidate.wait_s);
  }
  const double patience = mean_pace(all);
  for (Candidate& candidate : all) {
    const double late = 1 + (candidate.wait_s - least) / patience;
    candidate.weight /= late * late;
  }
  return all;
}

/// In seconds, of what they do together.
double PathFinder::mean_pace(const std::vector<Candidate>& all) {
  double rates = 0;
  for (const Candidate& one : all) rates += one.rate;
  return static_cast<double>(all.size()) / rates;
}

/// The replica of the next stage that has this node's rank; null where the two stages are not
/// known to have as many.
const PeerBook::Peer* PathFinder::opposite() const {
  const auto own = peers_.ready_at(stage_);
  const auto next = peers_.ready_at(stage_.next());
  if (next.size() < 2 || own.size() + 1 != next.size()) return nullptr;
  const auto is_lower = [&](const PeerBook::Peer* other) { return other->holder.node < self_; };
  return next[static_cast<std::size_t>(std::ranges::count_if(own, is_lower))];
}

/// The slowest one's pace in paces of the quickest, over this stage and the next.
double PathFinder::spread() const {
  double least = std::numeric_limits<double>::max();
  double most = 0;
  for (const StageIndex stage : {stage_, stage_.next()}) {
    for (const PeerBook::Peer* peer : peers_.ready_at(stage)) {
      if (peer->offer.pace <= Duration::zero()) continue;
      least = std::min(least, seconds(peer->offer.pace));
      most = std::max(most, seconds(peer->offer.pace));
    }
  }
  return most > 0 ? most / least : 1;
}

const PathFinder::Candidate* PathFinder::best_of(const std::vector<Candidate>& all) const {
  if (all.empty()) return nullptr;
  const PeerBook::Peer* usual = opposite();
  const double least = std::ranges::min_element(all, {}, &Candidate::wait_s)->wait_s;
  for (const Candidate& candidate : all) {
    if (candidate.peer != usual) continue;
    const double news = seconds(usual->round_trip);  // what is known is as old
    const double soon = kSoonPaces * mean_pace(all) / std::pow(spread(), 2);
    if (candidate.wait_s - least - news <= soon) return &candidate;
  }
  const Candidate* best = nullptr;
  double most = 0;
  for (const Candidate& candidate : all) {
    const auto record = records_.find(candidate.peer->holder.instance);
    const double credit = record == records_.end() ? 0 : record->second.credit;
    if (best != nullptr && credit + candidate.weight <= most) continue;
    best = &candidate;
    most = credit + candidate.weight;
  }
  return best;
}

PathFinder::Choice PathFinder::choose_sooner(TimePoint now, const Holder& present,
                                             Duration worth) const {
  const std::vector<Candidate> all = candidates(now, 0);
  const Candidate* best = best_of(all);
  const auto same = [&](const Candidate& one) { return one.peer->holder == present; };
  const auto known = std::ranges::find_if(all, same);
  if (best == nullptr || same(*best) || known == all.end()) return {{}, "no other is better"};
  if (known->peer->offer.pace <= Duration::zero()) return {{}, "how quick it is, is not known yet"};
  const double least = std::max(seconds(worth), kWorthPaces * mean_pace(all));
  const double itself = kTaskShare / known->rate;  // it is counted there
  if (known->wait_s - itself - best->wait_s < least) return {{}, "it is not worth it"};
  return {best->peer->offer.path, "it is free sooner"};
}

PathFinder::Choice PathFinder::choose(TimePoint now, std::uint64_t except) const {
  const std::vector<Candidate> all = candidates(now, except);
  if (all.empty()) return {{}, "no replica of the next stage is live, ready and willing"};
  const Candidate* best = best_of(all);
  return {best->peer->offer.path, all.size() == 1
                                      ? "the only replica that is live, ready and willing"
                                      : "its turn, by speed and expected finish"};
}

PathFinder::Choice PathFinder::choose_heir(TimePoint now, const Holder& lost) const {
  for (const Candidate& candidate : candidates(now, lost.instance)) {
    if (candidate.peer->holder.node == lost.node)
      return {candidate.peer->offer.path, "the same node, which has restarted"};
  }
  return choose(now, lost.instance);
}

const PeerBook::Peer* PathFinder::choose_head(const MicrobatchId& id, const Holder& lost) const {
  std::vector<const PeerBook::Peer*> ready;
  std::vector<const PeerBook::Peer*> draining;  // it can finish one more, if nobody else is there
  for (const auto& [node, peer] : peers_.peers()) {
    if (peer.stage.next() != stage_ || !peer.is_live || !peer.is_restored) continue;
    if (node == lost.node && peer.holder != lost) return &peer;
    (peer.is_ready ? ready : draining).push_back(&peer);
  }
  const auto& heads = ready.empty() ? draining : ready;
  return heads.empty() ? nullptr : heads[id.sequence.value() % heads.size()];
}

void PathFinder::on_used(TimePoint now, const Holder& next) {
  const std::vector<Candidate> all = candidates(now, 0);
  double total = 0;
  Records kept;
  for (const Candidate& candidate : all) {
    const std::uint64_t instance = candidate.peer->holder.instance;
    Record& record = kept[instance] = records_[instance];
    record.credit += candidate.weight;
    total += candidate.weight;
  }
  for (const auto& [instance, record] : records_) {
    if (record.not_before > now || record.held > 0) kept.emplace(instance, record);
  }
  Record& used = kept.try_emplace(next.instance, records_[next.instance]).first->second;
  used.credit -= total;
  if (const PeerBook::Peer* peer = peers_.find(next.node)) {
    if (std::exchange(used.offer_at, peer->offer_at) != peer->offer_at) used.since_offer = 0;
    ++used.since_offer;
  }
  if (used.held++ == 0) used.back_at = now;
  for (auto& [instance, record] : kept) {
    record.credit = std::clamp(record.credit, -kMostCredit * total, kMostCredit * total);
  }
  records_ = std::move(kept);
}

void PathFinder::on_refused(TimePoint now, const Holder& next) {
  Record& record = records_[next.instance];
  record.not_before = now + pauses_.for_receipt(record.refusals);
  if (record.refusals < std::numeric_limits<std::uint8_t>::max()) ++record.refusals;
}

void PathFinder::on_taken(const Holder& next) {
  const auto found = records_.find(next.instance);
  if (found == records_.end()) return;
  found->second.refusals = 0;
  found->second.not_before = TimePoint{};
}

void PathFinder::on_back(TimePoint now, const Holder& next) {
  back_at_ = now;
  const auto found = records_.find(next.instance);
  if (found != records_.end()) found->second.back_at = now;
  on_taken_back(next);
}

void PathFinder::set_held(TimePoint now, const std::map<std::uint64_t, std::uint32_t>& held) {
  for (auto& [instance, record] : records_) {
    if (!held.contains(instance)) record.held = 0;
  }
  for (const auto& [instance, count] : held) {
    Record& record = records_[instance];
    if (record.held == 0) record.back_at = now;
    record.held = count;
  }
}

std::vector<Given> PathFinder::given(TimePoint now) const {
  std::vector<Given> all;
  peers_.each_at(stage_.next(), [&](const PeerBook::Peer& peer) {
    if (!peer.is_live) return;
    const Record* record = record_of(peer.holder);
    all.push_back({peer.holder.node, record == nullptr ? 0 : record->held, peer.offer.pace,
                   is_late(now, peer)});
  });
  return all;
}

void PathFinder::on_taken_back(const Holder& next) {
  const auto found = records_.find(next.instance);
  if (found == records_.end()) return;
  if (found->second.held > 0) --found->second.held;
  if (found->second.since_offer > 0) --found->second.since_offer;
}

}  // namespace brigade::swarm

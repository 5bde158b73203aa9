#include "swarm/path_finder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace brigade::swarm {
namespace {

// How much longer than the soonest replica's expected finish halves a weight, in its own paces.
constexpr double kPatientPaces = 4;
// How much later than the soonest one's own opposite may be, in paces of the soonest, where all are
// alike. Queues come and go: who turns to another at once disturbs that one's line, and so on
// through the stages. Where machines differ lines do, too, and it is less by the square of how
// much.
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

bool PathFinder::is_late(TimePoint now, const Holder& next) const {
  const PeerBook::Peer* peer = peers_.find(next.node);
  return peer != nullptr && peer->holder == next && gives_nothing(now, *peer) &&
         back_at_ - record_of(next)->back_at > late_ / 2;  // others went on
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
  for (const auto& [node, peer] : peers_.peers()) {
    const bool is_next = peer.stage == stage_.next() && peer.is_live && peer.is_ready &&
                         peer.offer.path.size() == stages_ - stage_.value() - 1 &&
                         peer.offer.path.front() == peer.holder;
    if (!is_next || peer.holder.instance == except) continue;
    const auto record = records_.find(peer.holder.instance);
    if (record != records_.end() && record->second.not_before > now) continue;
    if (is_late(now, peer.holder)) continue;
    all.push_back({&peer, 0, 0});
    if (peer.offer.pace <= Duration::zero()) continue;
    known += seconds(peer.offer.pace);
    ++measured;
  }
  const double usual = measured > 0 ? known / measured : 1;
  leave_out_greedy(all);
  double soonest = std::numeric_limits<double>::max();
  double its_pace = usual;
  std::vector<double> finishes;
  for (Candidate& candidate : all) {
    const Offer& offer = candidate.peer->offer;
    const double pace = offer.pace > Duration::zero() ? seconds(offer.pace) : usual;
    finishes.push_back((offer.queue + 1) * pace + seconds(candidate.peer->round_trip) / 2);
    if (finishes.back() < soonest) its_pace = pace;
    soonest = std::min(soonest, finishes.back());
    candidate.weight = 1 / pace;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double late = (finishes[i] - soonest) * all[i].weight;  // in its paces
    const double news = seconds(all[i].peer->round_trip);         // what is known is as old
    all[i].later = std::max(finishes[i] - soonest - news, 0.0) / its_pace;
    all[i].weight /= 1 + std::max(late - 1, 0.0) / kPatientPaces;
  }
  return all;
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

PathFinder::Choice PathFinder::choose(TimePoint now, std::uint64_t except) const {
  const std::vector<Candidate> all = candidates(now, except);
  if (all.empty()) return {{}, "no replica of the next stage is live, ready and willing"};
  const PeerBook::Peer* usual = opposite();
  const double soon = kSoonPaces / std::pow(spread(), 2);
  for (const Candidate& candidate : all) {
    if (candidate.peer == usual && candidate.later <= soon) {
      return {usual->offer.path, "its opposite: none is much sooner"};
    }
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
  return {best->peer->offer.path, all.size() == 1
                                      ? "the only replica that is live, ready and willing"
                                      : "its turn, by speed and expected finish"};
}

const PeerBook::Peer* PathFinder::choose_head(const MicrobatchId& id) const {
  std::vector<const PeerBook::Peer*> ready;
  std::vector<const PeerBook::Peer*> draining;  // it can finish one more, if nobody else is there
  for (const auto& [node, peer] : peers_.peers()) {
    if (peer.stage.next() != stage_ || !peer.is_live || !peer.is_restored) continue;
    (peer.is_ready ? ready : draining).push_back(&peer);
  }
  const auto& heads = ready.empty() ? draining : ready;
  return heads.empty() ? nullptr : heads[id.sequence.value() % heads.size()];
}

void PathFinder::on_used(TimePoint now, const Holder& next) {
  const std::vector<Candidate> all = candidates(now, 0);
  double total = 0;
  std::map<std::uint64_t, Record> kept;
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
  for (const auto& [node, peer] : peers_.peers()) {
    if (peer.stage != stage_.next() || !peer.is_live) continue;
    const Record* record = record_of(peer.holder);
    all.push_back(
        {node, record == nullptr ? 0 : record->held, peer.offer.pace, is_late(now, peer.holder)});
  }
  return all;
}

void PathFinder::on_taken_back(const Holder& next) {
  const auto found = records_.find(next.instance);
  if (found != records_.end() && found->second.held > 0) --found->second.held;
}

}  // namespace brigade::swarm

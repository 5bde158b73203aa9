#include "swarm/path_finder.hpp"

#include <algorithm>
#include <limits>

namespace brigade::swarm {
namespace {

// How much longer than the soonest replica's expected finish halves a weight, in its own paces.
constexpr double kPatientPaces = 4;
constexpr double kMostCredit = 8;  // in weights: what a replica that was away may catch up

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

PathFinder::PathFinder(const Options& options, const PeerBook& peers)
    : stages_(options.stages), stage_(options.stage), peers_(peers), pauses_(options) {}

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
    all.push_back({&peer, 0});
    if (peer.offer.pace <= Duration::zero()) continue;
    known += seconds(peer.offer.pace);
    ++measured;
  }
  const double usual = measured > 0 ? known / measured : 1;
  double soonest = std::numeric_limits<double>::max();
  std::vector<double> finishes;
  for (Candidate& candidate : all) {
    const Offer& offer = candidate.peer->offer;
    const double pace = offer.pace > Duration::zero() ? seconds(offer.pace) : usual;
    finishes.push_back((offer.queue + 1) * pace + seconds(candidate.peer->round_trip) / 2);
    soonest = std::min(soonest, finishes.back());
    candidate.weight = 1 / pace;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double late = (finishes[i] - soonest) * all[i].weight;  // in its paces
    all[i].weight /= 1 + std::max(late - 1, 0.0) / kPatientPaces;
  }
  return all;
}

PathFinder::Choice PathFinder::choose(TimePoint now, std::uint64_t except) const {
  const std::vector<Candidate> all = candidates(now, except);
  if (all.empty()) return {{}, "no replica of the next stage is live, ready and willing"};
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
    if (record.not_before > now) kept.emplace(instance, record);
  }
  if (const auto used = kept.find(next.instance); used != kept.end()) used->second.credit -= total;
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

}  // namespace brigade::swarm

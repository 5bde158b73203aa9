#include "swarm/line_session.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

#include "base/limits.hpp"

namespace brigade::swarm {

LineSession::LineSession(const Options& options, Epoch max_epoch)
    : stage_(options.stage.value()),
      stages_(options.stages),
      may_start_over_(options.may_start_over),
      max_epoch_(max_epoch),
      past_(max_epoch) {}

bool LineSession::hear(const UpBeacon& beacon) {
  const bool is_sane = beacon.max_epoch.value() <= limits::kMaxEpoch &&
                       beacon.epoch <= beacon.max_epoch && beacon.stages > 0 &&
                       beacon.stages < stages_ - stage_ &&
                       beacon.offers.size() <= limits::kMaxOffers &&
                       std::is_sorted(beacon.offers.begin(), beacon.offers.end(), std::greater<>{});
  if (!is_sane) return false;
  if (after_ && beacon.max_epoch < after_->max_epoch) return true;
  after_ = beacon;
  seal_if_ready();
  return true;
}

bool LineSession::hear(const DownBeacon& beacon) {
  if (beacon.epoch.value() > limits::kMaxEpoch) return false;
  if (beacon.final_position && *beacon.final_position < beacon.from.position) return false;
  if (!before_ || beacon.epoch > before_->epoch) {
    before_ = beacon;
  } else {  // the same again, or late: what was once true of an epoch stays true
    const bool is_same = beacon.epoch == before_->epoch;
    if (is_same && beacon.final_position) before_->final_position = beacon.final_position;
    if (is_same) before_->committed = std::max(before_->committed, beacon.committed);
    if (is_same) before_->settled = std::max(before_->settled, beacon.settled);
    before_->is_sealed |= is_same && beacon.is_sealed;
    before_->is_over |= beacon.is_over;
  }
  max_epoch_ = std::max(max_epoch_, beacon.epoch);
  return true;
}

void LineSession::lose_after() {
  after_.reset();
}

bool LineSession::has_heard_all() const {
  return is_tail() || (after_ && stage_ + 1 + after_->stages == stages_);
}

Epoch LineSession::max_epoch() const {
  return after_ ? std::max(max_epoch_, after_->max_epoch) : max_epoch_;
}

bool LineSession::needs_epoch() const {
  if (epoch_ == Epoch{}) return true;
  if (is_tail() || !after_) return false;  // what is unheard needs nothing yet
  if (after_->epoch == epoch_) return after_->needs_epoch;
  // Not in this epoch: it may still join, unless it took part before or it is too late.
  return is_sealed_ || after_->max_epoch >= epoch_;
}

bool LineSession::is_ready() const {
  if (epoch_ == Epoch{} || !is_restored_) return false;
  return is_tail() || (after_ && after_->epoch == epoch_ && after_->is_ready);
}

bool LineSession::is_drained_after() const {
  return is_tail() || (after_ && after_->epoch == epoch_ && after_->is_drained);
}

std::uint64_t LineSession::settled(const Own& own) const {
  if (is_tail()) return own.settled;
  return after_ && after_->epoch == epoch_ ? std::min(own.settled, after_->settled) : 0;
}

void LineSession::seal_if_ready() {
  is_sealed_ = is_sealed_ || is_ready();
}

std::vector<CheckpointId> LineSession::common(const Own& own) const {
  if (is_tail()) return own.offers;
  std::vector<CheckpointId> both;
  if (!after_) return both;
  std::set_intersection(own.offers.begin(), own.offers.end(), after_->offers.begin(),
                        after_->offers.end(), std::back_inserter(both), std::greater<>{});
  return both;
}

LineSession::Verdict LineSession::decide(const Own& own) const {
  if (is_head()) return decide_at_head(own);
  const char* waiting = "the head to start an epoch";
  if (!before_ || before_->epoch <= std::max(epoch_, past_) || before_->is_sealed) {
    return {Verdict::Kind::kStay, {}, {}, waiting};
  }
  return {Verdict::Kind::kEnter, before_->epoch, before_->from, "the head started an epoch"};
}

LineSession::Verdict LineSession::decide_at_head(const Own& own) const {
  if (!needs_epoch()) return {Verdict::Kind::kStay, {}, {}, ""};
  if (!has_heard_all()) return {Verdict::Kind::kStay, {}, {}, "every stage to report"};
  const std::vector<CheckpointId> sound = common(own);
  if (sound.empty()) {
    return {Verdict::Kind::kBlocked, {}, {}, "no checkpoint is sound at every stage"};
  }
  const CheckpointId newest = up_beacon(own).newest;
  if (sound.front() == CheckpointId{} && newest.position > 0 && !may_start_over_) {
    return {Verdict::Kind::kBlocked,
            {},
            {},
            "only the start of the run is sound at every stage, but some stage holds newer state"};
  }
  return {Verdict::Kind::kEnter, max_epoch().next(), sound.front(),
          epoch_ == Epoch{} ? "every stage has reported" : "a stage lost its state"};
}

void LineSession::enter(const Verdict& verdict) {
  epoch_ = verdict.epoch;
  from_ = verdict.from;
  max_epoch_ = std::max(max_epoch_, epoch_);
  is_restored_ = is_sealed_ = false;
}

void LineSession::on_restored(bool succeeded) {
  if (succeeded) {
    is_restored_ = true;
    seal_if_ready();
    return;
  }
  past_ = epoch_;
  epoch_ = Epoch{};
}

UpBeacon LineSession::up_beacon(const Own& own) const {
  UpBeacon beacon;
  beacon.epoch = epoch_;
  beacon.needs_epoch = needs_epoch();
  beacon.is_ready = is_ready();
  beacon.wants_stop = own.wants_stop || wants_stop_after();
  beacon.max_epoch = max_epoch();
  beacon.stages = 1 + (after_ ? after_->stages : 0);
  beacon.applied = own.position;
  beacon.settled = settled(own);
  beacon.is_drained = own.is_drained && is_drained_after();
  beacon.offers = common(own);
  if (!own.offers.empty()) beacon.newest = own.offers.front();
  if (after_) {
    beacon.applied = std::min(beacon.applied, after_->applied);
    beacon.newest = std::max(beacon.newest, after_->newest);
  }
  return beacon;
}

DownBeacon LineSession::down_beacon(const DownBeacon& news) const {
  DownBeacon beacon = news;
  beacon.epoch = epoch_;
  beacon.from = from_;
  beacon.is_sealed = is_sealed_;
  return beacon;
}

}  // namespace brigade::swarm

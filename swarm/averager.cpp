#include "swarm/averager.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::swarm {
namespace {

constexpr std::uint64_t kSalt = 11;
constexpr std::uint64_t kFirstRounds = std::uint64_t{1} << 32;  // of two starts: rarely the same
constexpr int kReceiptDeadlines = 2;  // an answer takes the bytes there and back, and two tasks
constexpr auto kMostWeight = static_cast<double>(limits::kMaxPosition);

bool is_sane(const Share& share) {
  return std::isfinite(share.weight) && share.weight >= 0 && share.weight <= kMostWeight &&
         share.position <= limits::kMaxPosition;
}

}  // namespace

Averager::Averager(Shared& shared, const PeerBook& peers)
    : shared_(shared),
      peers_(peers),
      random_(mix_seed(shared.options.seed, kSalt, shared.options.instance)),
      round_(random_.below(kFirstRounds)) {}

// ---- the engine ---------------------------------------------------------------------------------

std::optional<Action> Averager::next_task(const View& view) {
  if (exchange_.state == State::kIdle && view.is_open) begin(view);
  if (exchange_.state == State::kShareDue) return begin_share(view);
  if (exchange_.state == State::kBlendDue) return begin_blend();
  return std::nullopt;
}

/// When it asks next. The first time is drawn, so that replicas that start together do not ask
/// together; a refusal makes the pause longer.
void Averager::plan(const View& view) {
  const std::uint64_t every = shared_.options.average_every;
  if (!ask_at_) {
    ask_at_ = view.version.value() + 1 + random_.below(every);
  } else if (std::exchange(is_put_off_, false)) {
    const std::uint64_t longest = every << (patience_ - 1);
    ask_at_ = view.version.value() + 1 + random_.below(longest);
  }
}

void Averager::begin(const View& view) {
  if (shared_.options.average_every == 0) return;
  plan(view);
  if (view.version.value() < *ask_at_) return;
  const auto replicas = peers_.ready_at(shared_.options.stage);
  if (replicas.empty()) return;
  exchange_ = {};
  exchange_.state = State::kShareDue;
  exchange_.is_asker = true;
  exchange_.peer = replicas[random_.below(replicas.size())]->holder;
  exchange_.round = round_++;
  ask_at_ = view.version.value() + shared_.options.average_every;
}

Action Averager::begin_share(const View& view) {
  exchange_.state = State::kSharing;
  exchange_.in_weights = view.in_weights;
  const std::uint64_t learned = view.in_weights - averaged_then_;
  exchange_.mine.weight =
      blended_ >= shared_.options.average_rounds ? static_cast<double>(learned + 1) : 0;
  exchange_.mine.position = shared_.stage_position.estimate();
  return RunShare{exchange_.round};
}

Action Averager::begin_blend() {
  exchange_.state = State::kBlending;
  return RunBlend{exchange_.round, exchange_.mine.payload, exchange_.theirs.payload, blend_weight(),
                  exchange_.mine.weight > 0 && exchange_.theirs.weight > 0};
}

double Averager::blend_weight() const {
  double mine = exchange_.mine.weight;
  double theirs = exchange_.theirs.weight;
  if (mine + theirs <= 0) {
    mine = static_cast<double>(exchange_.mine.position) + 1;
    theirs = static_cast<double>(exchange_.theirs.position) + 1;
  }
  return theirs / (mine + theirs);
}

/// The mean, unless one of them counts for nothing yet.
std::uint64_t Averager::merged_position() const {
  const std::uint64_t mine = exchange_.mine.position;
  const std::uint64_t theirs = exchange_.theirs.position;
  const bool have_both_blended = exchange_.mine.weight > 0 && exchange_.theirs.weight > 0;
  if (have_both_blended) return (mine + theirs) / 2;
  const double weight = blend_weight();
  return static_cast<std::uint64_t>(
      std::lround((1 - weight) * static_cast<double>(mine) + weight * static_cast<double>(theirs)));
}

void Averager::on(TimePoint now, const ShareTaken& answer) {
  Payload payload = answer.payload;
  if (std::exchange(is_share_orphaned_, false)) return shared_.actions.release(payload);
  BRIGADE_CHECK(exchange_.state == State::kSharing && exchange_.round == answer.round);
  exchange_.mine.payload = payload;
  exchange_.state = exchange_.is_asker ? State::kAsked : State::kBlendDue;
  exchange_.deadline = now + kReceiptDeadlines * shared_.options.receipt_deadline;
  if (!exchange_.is_asker || !payload.is_empty()) send(!exchange_.is_asker);
  if (payload.is_empty()) fail();  // the engine could not: an answer without bytes says so
}

void Averager::on(const Blended& answer) {
  BRIGADE_CHECK(exchange_.state == State::kBlending && exchange_.round == answer.round);
  if (!answer.succeeded) {
    shared_.actions.push(
        Misbehaved{exchange_.peer.node, "bytes that make no sense", answer.reason});
    return fail();
  }
  shared_.stage_position.on_averaged(exchange_.mine.position, merged_position());
  averaged_then_ = exchange_.in_weights;
  ++blended_;
  is_put_off_ = false;
  patience_ = 0;
  ++averaged_;
  end();
}

// ---- the other replica --------------------------------------------------------------------------

void Averager::on(const NodeId& from, const Share& share, bool is_open) {
  const PeerBook::Peer* peer = peers_.find(from);
  const bool is_replica = peer != nullptr && peer->stage == shared_.options.stage;
  const bool has_bytes = share.is_answer || !share.payload.is_empty();
  if (is_replica && has_bytes && is_sane(share)) {
    return share.is_answer ? on_answered(*peer, share) : on_asked(*peer, share, is_open);
  }
  Payload payload = share.payload;
  shared_.actions.release(payload);
  shared_.actions.push(Misbehaved{from, "a share that can't be"});
}

void Averager::on_asked(const PeerBook::Peer& peer, const Share& share, bool is_open) {
  Payload payload = share.payload;
  if (!peer.is_live || is_repeated(peer, share)) return shared_.actions.release(payload);
  if (gives_way(peer.holder)) end();
  if (!is_open || is_busy()) {
    shared_.actions.release(payload);
    Share refusal;
    refusal.round = share.round;
    refusal.is_answer = true;
    return shared_.actions.push(Send{peer.holder.node, refusal});
  }
  exchange_ = {};
  exchange_.state = State::kShareDue;
  exchange_.peer = peer.holder;
  exchange_.round = share.round;
  exchange_.theirs = {payload, share.weight, share.position};
}

/// A message may come twice, and is not to be answered twice.
bool Averager::is_repeated(const PeerBook::Peer& peer, const Share& share) {
  if (asked_.size() >= limits::kMaxLinks && !asked_.contains(peer.holder.node)) asked_.clear();
  const auto [newest, is_new] = asked_.try_emplace(peer.holder.node);
  Asked& asked = newest->second;
  if (!is_new && asked.instance == peer.holder.instance && share.round <= asked.round) return true;
  asked = {peer.holder.instance, share.round};
  return false;
}

/// Each has asked the other.
bool Averager::gives_way(const Holder& peer) const {
  const bool has_taken_theirs =
      exchange_.state == State::kBlendDue || exchange_.state == State::kBlending;
  return is_busy() && exchange_.is_asker && !has_taken_theirs && exchange_.peer == peer &&
         peer.node < shared_.options.self;
}

void Averager::on_answered(const PeerBook::Peer& peer, const Share& share) {
  Payload payload = share.payload;
  const bool is_awaited = exchange_.state == State::kAsked && exchange_.peer == peer.holder &&
                          exchange_.round == share.round;
  if (!is_awaited) return shared_.actions.release(payload);
  if (payload.is_empty()) return fail();
  exchange_.theirs = {payload, share.weight, share.position};
  exchange_.state = State::kBlendDue;
}

void Averager::send(bool is_answer) {
  const Side& mine = exchange_.mine;
  shared_.actions.push(Send{exchange_.peer.node, Share{exchange_.round, is_answer, mine.weight,
                                                       mine.position, mine.payload}});
}

// ---- the end of an exchange ---------------------------------------------------------------------

void Averager::on_time(TimePoint now) {
  const State state = exchange_.state;
  const bool is_owed_something =
      state == State::kShareDue || state == State::kSharing || state == State::kAsked;
  if (!is_owed_something) return;
  const bool is_late = state == State::kAsked && now >= exchange_.deadline;
  if (is_late || !peers_.is_live(exchange_.peer)) fail();
}

TimePoint Averager::next_due() const {
  return exchange_.state == State::kAsked ? exchange_.deadline : kNever;
}

void Averager::fail() {
  ++failed_;
  if (exchange_.is_asker) {
    patience_ = std::min<std::uint8_t>(patience_ + 1, kMostPatience);
    is_put_off_ = true;
  }
  end();
}

void Averager::end() {
  if (exchange_.state == State::kSharing) is_share_orphaned_ = true;
  shared_.actions.release(exchange_.mine.payload);
  shared_.actions.release(exchange_.theirs.payload);
  exchange_ = {};
}

void Averager::stop() {
  if (is_busy() && exchange_.state != State::kBlending) end();
}

}  // namespace brigade::swarm

#include "sim/membership/world.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "base/check.hpp"

namespace brigade::sim {
namespace {

namespace core = swarm::membership;

constexpr std::uint32_t kNone = ~std::uint32_t{0};
constexpr Duration kFirstDialPause = std::chrono::seconds{2};
constexpr Duration kJitter = std::chrono::milliseconds{2};

// DueKind as it is used here.
constexpr DueKind kAttemptEnds = DueKind::kLinkUp;
constexpr DueKind kAttemptFails = DueKind::kFault;
constexpr DueKind kStreamLost = DueKind::kLinkDown;    // target: 2·stream + end
constexpr DueKind kStreamClosed = DueKind::kFaultEnd;  // target: 2·stream + end
constexpr DueKind kBootstrap = DueKind::kStart;        // target: host
constexpr DueKind kExit = DueKind::kCompute;           // target: host

template <class T>
std::uint32_t take(std::vector<T>& items, std::vector<std::uint32_t>& free) {
  if (free.empty()) {
    items.emplace_back();
    return static_cast<std::uint32_t>(items.size() - 1);
  }
  const std::uint32_t index = free.back();
  free.pop_back();
  return index;
}

}  // namespace

MemberWorld::MemberWorld(const MemberWorldOptions& options)
    : options_(options), random_(mix_seed(options.seed, 1)) {}

MemberWorld::HostIndex MemberWorld::host_of(const NodeId& id) const {
  HostIndex host = 0;
  std::memcpy(&host, id.bytes.data() + sizeof(std::uint64_t), sizeof host);
  return host < hosts_.size() && hosts_[host].id == id ? host : kNone;
}

MemberWorld::HostIndex MemberWorld::add(std::optional<StageIndex> stage, bool can_be_dialled) {
  const auto index = static_cast<HostIndex>(hosts_.size());
  Host& host = hosts_.emplace_back();
  const std::uint64_t prefix = mix_seed(options_.seed, 2, index);
  std::memcpy(host.id.bytes.data(), &prefix, sizeof prefix);
  std::memcpy(host.id.bytes.data() + sizeof prefix, &index, sizeof index);
  host.stage = stage;
  host.can_be_dialled = can_be_dialled;
  start(index);
  return index;
}

void MemberWorld::start(HostIndex index) {
  Host& host = hosts_[index];
  core::Options options = options_.node;
  options.self = host.id;
  options.seed = mix_seed(options_.seed, 3, index, host.life);
  options.stage = host.stage;
  options.can_be_dialled = host.can_be_dialled;
  if (host.can_be_dialled) options.addresses = {"host" + std::to_string(index) + ":7400"};
  options.incarnation = core::Incarnation{
      static_cast<std::uint64_t>(1'000'000 + now_.time_since_epoch() / std::chrono::seconds{1})};
  host.core = std::make_unique<core::Membership>(options, now_);
  host.is_live = true;
  host.has_power = true;
  host.is_frozen = false;
  host.woken_at = kNever;
  ++host.life;
  schedule_wake(index);
  bootstrap(index);
}

void MemberWorld::bootstrap(HostIndex index) {
  // As from an invite: addresses of a few nodes, some of which may be gone by now.
  if (!hosts_[index].is_live || !hosts_[index].peers.empty()) return;
  std::uint32_t dialled = 0;
  for (std::uint32_t tries = 0; tries < 100 && dialled < options_.first_contacts; ++tries) {
    const auto other = static_cast<HostIndex>(random_.below(hosts_.size()));
    if (other == index || !hosts_[other].can_be_dialled || !hosts_[other].is_live) continue;
    dial(index, other, true);
    ++dialled;
  }
  queue_.push(now_ + kFirstDialPause, kBootstrap, index, hosts_[index].life);
}

void MemberWorld::run_for(Duration time) {
  const TimePoint end = now_ + time;
  queue_.push(end, DueKind::kHeal, 0, 0);  // stops here
  while (true) {
    const Due due = queue_.pop();
    now_ = due.at;
    if (due.kind == DueKind::kHeal) return;
    ++totals_.events;
    on(due);
  }
}

void MemberWorld::on(const Due& due) {
  switch (due.kind) {
    case DueKind::kWake:
      if (hosts_[due.target].wake == due.stamp && hosts_[due.target].is_live) {
        hosts_[due.target].woken_at = kNever;
        handle(due.target, core::Tick{});
      }
      break;
    case DueKind::kDeliver:
      deliver(due.target);
      break;
    case kAttemptEnds:
    case kAttemptFails: {
      const Attempt attempt = attempts_[due.target];
      free_attempts_.push_back(due.target);
      const Host& from = hosts_[attempt.from];
      if (!from.is_live || from.life != attempt.life) break;
      const Host& to = hosts_[attempt.to];
      const bool is_there = to.is_live && !to.is_frozen && can_reach(attempt.from, attempt.to);
      if (due.kind == kAttemptEnds && is_there) {
        connect(attempt);
      } else if (!attempt.is_first) {
        handle(attempt.from, core::DialFailed{to.id});
      }
      break;
    }
    case kStreamLost:
      notice(due.target, due.stamp, false);
      break;
    case kStreamClosed:
      notice(due.target, due.stamp, true);
      break;
    case kBootstrap:
      if (hosts_[due.target].life == due.stamp) bootstrap(due.target);
      break;
    case kExit:
      if (hosts_[due.target].life == due.stamp && hosts_[due.target].is_live) die(due.target);
      break;
    default:
      BRIGADE_CHECK(false, "no such event here");
  }
}

void MemberWorld::schedule_wake(HostIndex index) {
  Host& host = hosts_[index];
  const TimePoint due = host.core->next_wakeup();
  if (due == host.woken_at || due == kNever) return;
  host.woken_at = due;
  queue_.push(std::max(due, now_), DueKind::kWake, index, ++host.wake);
}

void MemberWorld::handle(HostIndex index, const core::Event& event) {
  Host& host = hosts_[index];
  if (!host.is_live) return;
  if (host.is_frozen) {
    host.backlog.push_back(event);
    return;
  }
  host.core->handle(now_, event);
  while (auto action = host.core->poll_action()) carry_out(index, *action);
  schedule_wake(index);
}

void MemberWorld::tell(HostIndex host, const core::Event& event) {
  handle(host, event);
}

void MemberWorld::say(HostIndex host, const core::Message& message) {
  for (const Peer& peer : hosts_[host].peers) send(host, hosts_[peer.host].id, message);
}

void MemberWorld::carry_out(HostIndex host, const core::Action& action) {
  if (watcher_) watcher_(host, action);
  if (const auto* sent = std::get_if<core::Send>(&action)) {
    send(host, sent->to, sent->message);
  } else if (const auto* dialled = std::get_if<core::Dial>(&action)) {
    dial(host, host_of(dialled->record->id), false);
  } else if (const auto* dropped = std::get_if<core::Drop>(&action)) {
    drop(host, host_of(dropped->peer));
  } else if (const auto* changed = std::get_if<core::MemberChanged>(&action)) {
    mix(mix_seed(host, core::prefix_of(changed->record->id),
                 static_cast<std::uint64_t>(changed->standing),
                 static_cast<std::uint64_t>(now_.time_since_epoch().count())));
    const HostIndex subject = host_of(changed->record->id);
    const bool is_alive = subject != kNone && hosts_[subject].is_live;
    if (changed->standing == core::Standing::kDead && is_alive) ++totals_.buried_alive;
  } else if (std::holds_alternative<core::Misbehaved>(action)) {
    ++totals_.blames;
  } else if (std::holds_alternative<core::RunsTwice>(action)) {
    ++totals_.runs_twice;
  }
}

void MemberWorld::send(HostIndex index, const NodeId& to, const core::Message& message) {
  const Host& host = hosts_[index];
  const HostIndex peer = host_of(to);
  const auto found = std::find_if(host.peers.begin(), host.peers.end(),
                                  [&](const Peer& known) { return known.host == peer; });
  const std::uint64_t bytes = wire_bytes(message);
  ++totals_.messages;
  ++totals_.kinds[message.index()];
  totals_.bytes += bytes;
  totals_.largest_message = std::max(totals_.largest_message, bytes);
  if (found == host.peers.end()) return;
  Stream& stream = streams_[found->stream];
  if (stream.is_silent || random_.chance(options_.loss)) return;
  const std::uint32_t to_end = stream.ends[0] == index ? 1 : 0;
  const std::uint32_t flight = take(flights_, free_flights_);
  flights_[flight] = {found->stream, stream.stamp, to_end, message};
  const Duration jitter{
      static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(kJitter.count())))};
  stream.last[to_end] = std::max(stream.last[to_end], now_ + stream.delay + jitter);
  queue_.push(stream.last[to_end], DueKind::kDeliver, flight, 0);
}

void MemberWorld::deliver(std::uint32_t index) {
  Flight flight = std::move(flights_[index]);
  flights_[index].message = core::Probe{};  // lets go of what the message shared
  free_flights_.push_back(index);
  const Stream& stream = streams_[flight.stream];
  if (stream.stamp != flight.stamp || stream.is_silent || !stream.is_up[flight.to_end]) return;
  const HostIndex to = stream.ends[flight.to_end];
  const HostIndex from = stream.ends[1 - flight.to_end];
  handle(to, core::Received{hosts_[from].id, std::move(flight.message)});
}

void MemberWorld::dial(HostIndex from, HostIndex to, bool is_first) {
  if (to == kNone) return;
  ++totals_.dials;
  const std::uint32_t index = take(attempts_, free_attempts_);
  attempts_[index] = {from, to, hosts_[from].life, is_first};
  const Host& target = hosts_[to];
  const auto span =
      static_cast<std::uint64_t>((options_.most_delay - options_.least_delay).count() + 1);
  const Duration way =
      options_.least_delay +
      Duration{static_cast<Duration::rep>(mix_seed(options_.seed, from ^ to) % span)};
  const bool is_there = target.is_live && target.can_be_dialled && !target.is_frozen;
  if (!can_reach(from, to) || !target.has_power || target.is_frozen || !target.can_be_dialled) {
    queue_.push(now_ + options_.dial_fails_after, kAttemptFails, index, 0);
  } else {
    queue_.push(now_ + way * (is_there ? 3 : 2), is_there ? kAttemptEnds : kAttemptFails, index, 0);
  }
}

void MemberWorld::connect(const Attempt& attempt) {
  Host& from = hosts_[attempt.from];
  const bool is_linked = std::any_of(from.peers.begin(), from.peers.end(),
                                     [&](const Peer& peer) { return peer.host == attempt.to; });
  if (!is_linked) {
    // What the other end still believes of an older stream ends with the new one.
    if (remove_peer(attempt.to, attempt.from)) {
      handle(attempt.to, core::LinkDown{from.id, false});
    }
    const std::uint32_t index = take(streams_, free_streams_);
    Stream& stream = streams_[index];
    const std::uint32_t stamp = stream.stamp + 1;
    stream = Stream{};
    stream.stamp = stamp;
    stream.ends[0] = attempt.from;
    stream.ends[1] = attempt.to;
    stream.is_up[0] = stream.is_up[1] = true;
    const auto span =
        static_cast<std::uint64_t>((options_.most_delay - options_.least_delay).count() + 1);
    stream.delay =
        options_.least_delay + Duration{static_cast<Duration::rep>(
                                   mix_seed(options_.seed, attempt.from ^ attempt.to) % span)};
    from.peers.push_back({attempt.to, index});
    hosts_[attempt.to].peers.push_back({attempt.from, index});
    handle(attempt.to, core::LinkUp{from.id, false});
  }
  handle(attempt.from, core::LinkUp{hosts_[attempt.to].id, true});
}

bool MemberWorld::remove_peer(HostIndex host, HostIndex peer) {
  auto& peers = hosts_[host].peers;
  const auto found = std::find_if(peers.begin(), peers.end(),
                                  [&](const Peer& known) { return known.host == peer; });
  if (found == peers.end()) return false;
  Stream& stream = streams_[found->stream];
  stream.is_up[stream.ends[0] == host ? 0 : 1] = false;
  if (!stream.is_up[0] && !stream.is_up[1]) {
    ++stream.stamp;
    free_streams_.push_back(found->stream);
  }
  *found = peers.back();
  peers.pop_back();
  return true;
}

void MemberWorld::drop(HostIndex host, HostIndex peer) {
  const auto& peers = hosts_[host].peers;
  const auto found = std::find_if(peers.begin(), peers.end(),
                                  [&](const Peer& known) { return known.host == peer; });
  if (found == peers.end()) return;
  const std::uint32_t index = found->stream;
  const Stream& stream = streams_[index];
  const std::uint32_t other = stream.ends[0] == host ? 1 : 0;
  if (stream.is_up[other]) {
    // The goodbye follows what was sent before; where nothing gets through, it is noticed late.
    const TimePoint at = stream.is_silent ? now_ + options_.broken_after
                                          : std::max(stream.last[other], now_ + stream.delay);
    queue_.push(at, stream.is_silent ? kStreamLost : kStreamClosed, 2 * index + other,
                stream.stamp);
  }
  remove_peer(host, peer);
}

void MemberWorld::notice(std::uint32_t target, std::uint32_t stamp, bool was_closed) {
  const Stream& stream = streams_[target / 2];
  if (stream.stamp != stamp || !stream.is_up[target % 2]) return;
  const HostIndex host = stream.ends[target % 2];
  const HostIndex peer = stream.ends[1 - target % 2];
  remove_peer(host, peer);
  handle(host, core::LinkDown{hosts_[peer].id, was_closed});
}

void MemberWorld::die(HostIndex index) {
  hosts_[index].is_live = false;
  hosts_[index].backlog.clear();
  while (!hosts_[index].peers.empty()) {
    const Peer peer = hosts_[index].peers.back();
    const Stream& stream = streams_[peer.stream];
    const std::uint32_t other = stream.ends[0] == index ? 1 : 0;
    const std::uint32_t stamp = stream.stamp;
    const Duration way = stream.is_silent ? options_.broken_after : stream.delay;
    const bool is_up = stream.is_up[other];
    remove_peer(index, peer.host);
    if (is_up) queue_.push(now_ + way, kStreamLost, 2 * peer.stream + other, stamp);
  }
}

void MemberWorld::kill(HostIndex host) {
  if (hosts_[host].is_live) die(host);
}

void MemberWorld::silence(std::uint32_t index) {
  Stream& stream = streams_[index];
  if (stream.is_silent) return;
  stream.is_silent = true;
  const auto spread = static_cast<std::uint64_t>(options_.broken_after.count() / 2);
  for (std::uint32_t end = 0; end < 2; ++end) {
    const Duration less{static_cast<Duration::rep>(random_.below(spread))};
    queue_.push(now_ + options_.broken_after - less, kStreamLost, 2 * index + end, stream.stamp);
  }
}

void MemberWorld::cut_power(HostIndex host) {
  if (!hosts_[host].is_live) return;
  for (const Peer& peer : hosts_[host].peers) silence(peer.stream);
  hosts_[host].is_live = false;
  hosts_[host].has_power = false;
  while (!hosts_[host].peers.empty()) remove_peer(host, hosts_[host].peers.back().host);
}

void MemberWorld::leave(HostIndex host) {
  if (!hosts_[host].is_live) return;
  handle(host, core::DoingChanged{core::Doing::kGone, std::nullopt, {}});
  queue_.push(now_ + options_.last_words, kExit, host, hosts_[host].life);
}

void MemberWorld::restart(HostIndex host) {
  BRIGADE_CHECK(!hosts_[host].is_live);
  start(host);
}

void MemberWorld::freeze(HostIndex host) {
  hosts_[host].is_frozen = true;
}

void MemberWorld::thaw(HostIndex index) {
  if (!hosts_[index].is_frozen) return;
  hosts_[index].is_frozen = false;
  const std::vector<core::Event> backlog = std::exchange(hosts_[index].backlog, {});
  for (const core::Event& event : backlog) handle(index, event);
}

void MemberWorld::split(const std::function<std::uint32_t(HostIndex)>& side) {
  for (HostIndex host = 0; host < hosts_.size(); ++host) hosts_[host].side = side(host);
  for (std::uint32_t i = 0; i < streams_.size(); ++i) {
    const Stream& stream = streams_[i];
    const bool is_used = stream.is_up[0] || stream.is_up[1];
    if (is_used && !can_reach(stream.ends[0], stream.ends[1])) silence(i);
  }
}

void MemberWorld::heal() {
  for (Host& host : hosts_) host.side = 0;
  for (Stream& stream : streams_) {
    // What neither end gave up goes on, as TCP does.
    if (!stream.is_silent || !stream.is_up[0] || !stream.is_up[1]) continue;
    stream.is_silent = false;
    ++stream.stamp;
  }
}

template <class Use>
void MemberWorld::for_errors(std::uint32_t step, const Use& use) const {
  const std::uint32_t stages = options_.node.stages;
  std::vector<std::vector<HostIndex>> of_group(stages);
  for (HostIndex host = 0; host < hosts_.size(); ++host) {
    if (!hosts_[host].is_live) continue;
    const auto self = hosts_[host].core->status(now_).self;
    of_group[core::group_of(*self, stages).value()].push_back(host);
  }
  std::vector<core::View::Slot> slots;
  std::uint32_t count = 0;
  for (HostIndex host = 0; host < hosts_.size(); ++host) {
    if (!hosts_[host].is_live || hosts_[host].is_frozen || count++ % step != 0) continue;
    const core::View& view = hosts_[host].core->view();
    const core::Interest interest = hosts_[host].core->status(now_).interest;
    for (std::uint32_t g = interest.first.value(); g <= interest.last.value(); ++g) {
      for (const HostIndex other : of_group[g]) {
        if (!hosts_[other].is_frozen) use(host, other, view.present(hosts_[other].id) == nullptr);
      }
      slots.clear();
      view.list(StageIndex{g}, slots);
      for (const core::View::Slot slot : slots) {
        const HostIndex other = host_of(view.at(slot).record->id);
        if (other == kNone || !hosts_[other].is_live) use(host, other, true);
      }
    }
  }
}

MemberWorld::Errors MemberWorld::errors(std::uint32_t step) const {
  Errors errors;
  for_errors(step, [&](HostIndex, HostIndex other, bool is_wrong) {
    ++errors.checked;
    if (!is_wrong) return;
    const bool is_alive = other != kNone && hosts_[other].is_live;
    ++(is_alive ? errors.missing : errors.ghosts);
  });
  return errors;
}

std::string MemberWorld::explain() const {
  constexpr std::uint32_t kMost = 8;
  std::string text;
  std::uint32_t count = 0;
  for_errors(1, [&](HostIndex host, HostIndex other, bool is_wrong) {
    if (!is_wrong || ++count > kMost) return;
    const bool is_alive = other != kNone && hosts_[other].is_live;
    const core::View& view = hosts_[host].core->view();
    const core::View::Slot slot = view.find(hosts_[other].id);
    text +=
        "host " + std::to_string(host) + (is_alive ? " misses " : " sees the ghost ") +
        std::to_string(other) + " as " +
        (slot == core::View::kNone ? "unknown" : core::to_string(view.at(slot).standing)) +
        " at incarnation " +
        (slot == core::View::kNone ? std::string("-")
                                   : std::to_string(view.at(slot).record->incarnation.value())) +
        "\n";
  });
  return text + std::to_string(count) + " errors at " +
         std::to_string(now_.time_since_epoch() / std::chrono::milliseconds{1}) + " ms\n";
}

}  // namespace brigade::sim

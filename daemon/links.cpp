#include "daemon/links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "daemon/address.hpp"

namespace brigade::daemon {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStopLimit{1'000};   // for peers to take our last frames and Goodbye
constexpr milliseconds kStableLink{5'000};  // a link that lived so long starts pauses afresh
constexpr milliseconds kShortestTick{10};
constexpr milliseconds kLongestTick{500};
constexpr std::size_t kMaxPendingStreams = 4;  // accepted from one peer, its Hello not here yet
constexpr std::size_t kMaxGuests = 64;         // the same from all peers, where anybody may knock
constexpr char kReplaced[] = "another link between these nodes took its place";

}  // namespace

Links::Links(TransportOptions options, boost::asio::any_io_executor executor,
             TransportCallbacks callbacks)
    : options_(std::move(options)),
      executor_(std::move(executor)),
      callbacks_(std::move(callbacks)),
      timer_(executor_),
      tick_interval_(std::clamp(std::min({options_.ping_interval, options_.silence_limit / 4,
                                          options_.first_redial_pause}),
                                kShortestTick, kLongestTick)) {
  const Redial::Options pauses{options_.first_redial_pause, options_.longest_redial_pause};
  for (const PeerAddress& peer : options_.peers) {
    std::uint64_t salt = 0;
    std::memcpy(&salt, peer.id.bytes.data(), sizeof salt);
    const Redial redial(pauses, mix_seed(options_.seed, salt));
    peers_.emplace(peer.id, PeerState(peer, redial));
  }
}

// --- Start and stop --------------------------------------------------------------------------

Result<> Links::start() {
  if (peers_.size() > limits::kMaxLinks) {
    return make_error(ErrorCode::kLimit, fmt::format("{} [[peers]], at most {} are allowed",
                                                     peers_.size(), limits::kMaxLinks));
  }
  BRIGADE_TRY(listen());
  ticked_at_ = Clock::now();
  tick();
  return {};
}

Result<> Links::listen() {
  HostPort parts;
  if (!options_.listen.empty()) {
    BRIGADE_ASSIGN(parts, split_address(options_.listen));
  }
  const std::weak_ptr<Links> weak = weak_from_this();
  AcceptPolicy policy;
  // The set of pinned peers is fixed before the first connection, so gRPC's threads may read it.
  // Where there are members, anybody may say Hello.
  std::vector<NodeId> pinned;
  for (const auto& [id, peer] : peers_) pinned.push_back(id);
  policy.is_welcome = [is_open = has_members(), pinned = std::move(pinned)](const NodeId& id) {
    return is_open || std::binary_search(pinned.begin(), pinned.end(), id);
  };
  policy.on_refused = [weak, executor = executor_](const std::string& reason) {
    boost::asio::post(executor, [weak, reason] {
      if (auto self = weak.lock()) self->warn(reason);
    });
  };
  auto make = [weak](const NodeId& peer) -> StreamPtr {
    auto self = weak.lock();
    if (!self || self->is_stopped_) return nullptr;
    StreamPtr stream = self->make_stream(peer, /*is_dialled=*/false);
    boost::asio::post(self->executor_, [weak, stream] {
      if (auto links = weak.lock()) links->adopt(stream);
    });
    return stream;
  };
  if (has_members()) make_doors();
  BRIGADE_ASSIGN(acceptor_,
                 Acceptor::start({options_.listen, options_.identity, std::move(policy), live_,
                                  std::move(make), questions_, relay_, local_address_}));
  if (options_.listen.empty()) return {};
  listen_address_ = join_address(parts.host, static_cast<std::uint16_t>(acceptor_->port()));
  return {};
}

void Links::make_doors() {
  questions_ = std::make_shared<Questions>(
      [weak = weak_from_this(), executor = executor_](const Question& question) {
        boost::asio::post(executor, [weak, question] {
          auto self = weak.lock();
          if (self && !self->is_stopped_) self->callbacks_.on_question(question);
        });
      },
      live_);
  tunnels_ = std::make_unique<Tunnels>(options_.identity, live_);
  local_address_ = make_local_address();
  relay_ = std::make_shared<Relay>(
      [weak = weak_from_this(), executor = executor_](const Relay::Call& call) {
        boost::asio::post(executor, [weak, call] {
          if (auto self = weak.lock()) self->pass_on(call);
        });
      },
      live_);
}

/// Somebody wants a tunnel to `call.callee`: it is told, over its link.
void Links::pass_on(const Relay::Call& call) {
  if (is_stopped_) return relay_->refuse(call.tunnel, "this node stops");
  const PeerState* callee = find(call.callee);
  if (callee == nullptr || !callee->link)
    return relay_->refuse(call.tunnel, "this node has no link with it");
  if (const auto may = callbacks_.may_relay(call.caller, call.callee); may.has_error())
    return relay_->refuse(call.tunnel, may.error().message);
  callee->link->send(RelayCall{call.tunnel, call.caller}, std::nullopt);
}

/// The relay is one that this node has dialled: that is how it is reached again.
void Links::on_relay_call(const StreamPtr& stream, const RelayCall& call) {
  const PeerState* relay = find(stream->peer());
  if (is_stopped_ || relay == nullptr || relay->link != stream || !tunnels_) return;
  const std::string& address = relay->address.address;
  if (address.empty() || is_local_address(address)) return;  // no way to it but this link
  if (callbacks_.on_called) callbacks_.on_called(call.caller, relay->address.id);
  tunnels_->answer({relay->address.id, relay->address.address}, call.tunnel, local_address_);
}

void Links::stop() {
  if (is_stopped_.exchange(true)) return;
  timer_.cancel();
  for (auto& [id, peer] : peers_) {
    if (peer.link) close(peer.link, "this node stops");
    if (peer.dial) peer.dial->abandon();
    peer.link = nullptr;
    peer.dial = nullptr;
  }
  if (questions_) questions_->close();
  if (tunnels_) tunnels_->stop();
  for (const Guest& guest : pending_) guest.stream->abandon();
  pending_.clear();
  if (acceptor_) acceptor_->shutdown(std::chrono::system_clock::now() + kStopLimit);
  if (!live_->wait_until(Clock::now() + kStopLimit)) {
    for (const Guest& guest : closing_) guest.stream->cancel();
    live_->wait_until(Clock::now() + kStopLimit);
  }
  closing_.clear();
  live_->release_channels();
  acceptor_ = nullptr;
}

// --- Streams come and go ---------------------------------------------------------------------

StreamPtr Links::make_stream(const NodeId& peer, bool is_dialled) {
  return std::make_shared<Stream>(Stream::Setup{peer, is_dialled, executor_, writer_.get_executor(),
                                                weak_from_this(), counters_, options_.queue_bytes});
}

Hello Links::own_hello() const {
  Hello hello;
  hello.swarm = options_.swarm;
  const bool has_settings = has_members() && options_.settings != SwarmId{};
  hello.settings = has_settings ? options_.settings : options_.swarm;
  hello.stage = options_.stage;
  hello.software = options_.software;
  hello.codecs = options_.decodes;
  if (callbacks_.own_record) hello.record = callbacks_.own_record();
  hello.instance = options_.instance;
  return hello;
}

Links::PeerState* Links::find(const NodeId& id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

void Links::adopt(const StreamPtr& stream) {
  const auto of_same_peer = std::count_if(pending_.begin(), pending_.end(), [&](const Guest& g) {
    return g.stream->peer() == stream->peer();
  });
  if (is_stopped_ || static_cast<std::size_t>(of_same_peer) >= kMaxPendingStreams ||
      (has_members() && pending_.size() >= kMaxGuests)) {
    stream->abandon();
    return;
  }
  pending_.push_back({stream, Clock::now()});
}

bool Links::drop_pending(const StreamPtr& stream) {
  return std::erase_if(pending_, [&](const Guest& guest) { return guest.stream == stream; }) > 0;
}

void Links::close(const StreamPtr& stream, const std::string& reason) {
  stream->close(reason);
  closing_.push_back({stream, Clock::now()});
}

void Links::on_hello(const StreamPtr& stream, const Hello& hello) {
  if (is_stopped_) return;
  PeerState* known = find(stream->peer());
  const bool is_dial = known != nullptr && known->dial == stream;
  if (!is_dial && !drop_pending(stream)) return;
  if (PeerState* peer = welcome(stream, hello)) establish(*peer, stream, hello);
}

/// Null: it was turned away.
Links::PeerState* Links::welcome(const StreamPtr& stream, const Hello& hello) {
  PeerState* known = find(stream->peer());
  const bool is_pinned = known != nullptr && known->is_pinned;
  BRIGADE_CHECK(is_pinned || has_members(), "a stream of a peer that TLS should have refused");
  Result<> verdict = check_hello({options_.identity.id, own_hello()}, {stream->peer(), hello},
                                 is_pinned ? std::optional(known->address.stage) : std::nullopt);
  if (verdict.has_value() && !is_pinned) verdict = callbacks_.admit(stream->peer(), hello.record);
  if (verdict.has_value() && known == nullptr && peers_.size() >= limits::kMaxLinks) {
    verdict = make_error(ErrorCode::kLimit, "this node has all the links that it can hold");
  }
  if (verdict.has_error()) {
    turn_away(known, stream, "refused the hello: " + verdict.error().message);
    return nullptr;
  }
  if (known == nullptr) known = &state_of_member(stream->peer(), {});
  return known;
}

void Links::turn_away(PeerState* peer, const StreamPtr& stream, const std::string& why) {
  if (peer != nullptr && peer->dial == stream) {
    dial_failed(*peer, why);
  } else {
    if (peer != nullptr) peer->last_error = why;
    warn(why);
  }
  close(stream, why);
}

Links::PeerState& Links::state_of_member(const NodeId& id, const std::string& address) {
  const auto [place, is_new] =
      peers_.try_emplace(id, PeerAddress{id, address, StageIndex{}}, Redial({}, options_.seed));
  PeerState& peer = place->second;
  if (is_new) peer.is_pinned = false;
  if (!address.empty()) peer.address.address = address;
  return peer;
}

/// Never while a walk over all peers is under way.
void Links::forget_members() {
  std::erase_if(peers_, [](const auto& entry) {
    const PeerState& peer = entry.second;
    return !peer.is_pinned && !peer.link && !peer.dial;
  });
}

void Links::establish(PeerState& peer, const StreamPtr& stream, const Hello& hello) {
  stream->accept_hello(hello);
  const NodeId& self = options_.identity.id;
  const auto dialler_of = [&](const StreamPtr& s) { return s->is_dialled() ? self : s->peer(); };
  if (peer.dial == stream) peer.dial = nullptr;
  const Clock::time_point now = Clock::now();
  if (peer.link) {
    const LinkClaim kept{dialler_of(peer.link), now - peer.linked_at};
    if (!does_replace({dialler_of(stream), {}}, kept, options_.handshake_limit)) {
      close(stream, kReplaced);
      return;
    }
  }
  // Our Hello goes out before the old link closes, so that the peer never sees none.
  if (!stream->is_dialled()) stream->send(own_hello(), std::nullopt);
  const StreamPtr old = std::exchange(peer.link, stream);
  if (old) close(old, kReplaced);
  if (peer.dial && peer.address.id < self) {  // the tie-break would drop our dial: do it now
    closing_.push_back({peer.dial, now});
    std::exchange(peer.dial, nullptr)->abandon();
  }
  if (old) tell_link_down(peer, kReplaced, false);  // of what it was
  if (is_stopped_) return;
  if (!peer.is_pinned) peer.address.stage = hello.stage;
  peer.address.was_dialled = stream->is_dialled();
  peer.address.instance = hello.instance;
  peer.linked_at = peer.heard_at = peer.pinged_at = now;
  peer.frames_seen = 0;
  peer.codec = agree_on_codec(options_.codec, own_hello(), hello);
  peer.last_error.clear();
  stream->ping();
  if (!is_stopped_ && callbacks_.on_link_up) callbacks_.on_link_up(peer.address);
}

void Links::tell_link_down(const PeerState& peer, const std::string& reason, bool was_closed) {
  if (is_stopped_ || !callbacks_.on_link_down) return;
  callbacks_.on_link_down(peer.address, reason, was_closed);
}

void Links::on_message(const StreamPtr& stream, swarm::Message message,
                       std::optional<PayloadData> payload) {
  PeerState* peer = find(stream->peer());
  if (is_stopped_ || peer == nullptr || peer->link != stream || !callbacks_.on_message) return;
  callbacks_.on_message(stream->peer(), std::move(message), std::move(payload));
}

void Links::on_gossip(const StreamPtr& stream, std::string bytes) {
  PeerState* peer = find(stream->peer());
  if (is_stopped_ || peer == nullptr || peer->link != stream || !callbacks_.on_gossip) return;
  callbacks_.on_gossip(stream->peer(), std::move(bytes));
}

void Links::on_closed(const StreamPtr& stream, CloseKind kind, const std::string& reason) {
  if (is_stopped_) return;
  if (kind == CloseKind::kRefused) blame(stream->peer(), reason);
  PeerState* peer = find(stream->peer());
  closing_.push_back({stream, Clock::now()});
  if (peer == nullptr) {
    if (drop_pending(stream) && kind != CloseKind::kLost) {
      warn(fmt::format("node {}: {}", to_short(stream->peer()), reason));
    }
    return;
  }
  if (peer->link == stream) {
    link_down(*peer, reason, kind == CloseKind::kPeerClosed);
  } else if (peer->dial == stream) {
    dial_failed(*peer, reason);
  } else if (drop_pending(stream) && kind != CloseKind::kLost) {
    peer->last_error = reason;
    warn(fmt::format("node {} (stage {}): {}", to_short(stream->peer()),
                     peer->address.stage.value(), reason));
  }
}

void Links::link_down(PeerState& peer, const std::string& reason, bool was_closed) {
  const Clock::time_point now = Clock::now();
  if (now - peer.linked_at > kStableLink) peer.redial.reset();
  peer.link = nullptr;
  peer.last_error = reason;
  peer.next_dial = now + std::chrono::duration_cast<Clock::duration>(peer.redial.next_pause());
  tell_link_down(peer, reason, was_closed);
}

// --- For the rest of the daemon --------------------------------------------------------------

void Links::send(const NodeId& to, const swarm::Message& message,
                 std::optional<PayloadData> payload) {
  PeerState* peer = find(to);
  if (peer == nullptr || !peer->link) return;
  peer->link->send(message, std::move(payload));
}

void Links::send_gossip(const NodeId& to, std::string bytes) {
  PeerState* peer = find(to);
  if (peer == nullptr || !peer->link || bytes.size() > limits::kMaxGossipBytes) return;
  peer->link->send(Gossip{std::move(bytes)}, std::nullopt);
}

void Links::dial_member(const NodeId& member, const std::string& address) {
  PeerState& peer = state_of_member(member, address);
  if (is_stopped_ || peer.is_pinned || peer.link || peer.dial) return;
  dial(peer, Clock::now());
}

void Links::dial_through(const NodeId& member, const RelayAddress& relay) {
  if (is_stopped_ || !tunnels_) return;
  const auto entrance = tunnels_->open(relay, member);
  if (entrance.has_value()) return dial_member(member, *entrance);
  warn(entrance.error().message);
  if (callbacks_.on_dial_failed) callbacks_.on_dial_failed(member, entrance.error().message);
}

Result<std::string> Links::open_way(const NodeId& member, const RelayAddress& relay) {
  if (is_stopped_ || !tunnels_) return make_error(ErrorCode::kUnavailable, "this node stops");
  return tunnels_->open(relay, member);
}

void Links::drop(const NodeId& member, const std::string& reason) {
  PeerState* peer = find(member);
  if (peer == nullptr || peer->is_pinned) return;
  if (peer->dial) {
    closing_.push_back({peer->dial, Clock::now()});
    std::exchange(peer->dial, nullptr)->abandon();
  }
  if (peer->link) close(std::exchange(peer->link, nullptr), reason);
}

std::vector<LinkInfo> Links::links() const {
  std::vector<LinkInfo> infos;
  for (const auto& [id, peer] : peers_) {
    LinkInfo& info = infos.emplace_back();
    info.peer = peer.address;
    info.last_error = peer.last_error;
    if (!peer.link) continue;
    info.is_linked = true;
    info.round_trip_ms = peer.link->round_trip_ms();
    info.codec = peer.codec;
    info.bytes_sent = peer.link->bytes_sent();
    info.bytes_received = peer.link->bytes_received();
    info.linked_for = std::chrono::duration_cast<Duration>(Clock::now() - peer.linked_at);
  }
  return infos;
}

TransportCounters Links::counters() const {
  return {.bytes_sent = counters_->bytes_sent,
          .bytes_received = counters_->bytes_received,
          .frames_sent = counters_->frames_sent,
          .frames_received = counters_->frames_received,
          .frames_refused = counters_->frames_refused,
          .messages_dropped = counters_->messages_dropped,
          .bytes_relayed = relay_ ? relay_->bytes() : 0};
}

}  // namespace brigade::daemon

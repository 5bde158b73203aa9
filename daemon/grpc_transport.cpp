#include "daemon/grpc_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "daemon/address.hpp"
#include "daemon/grpc_port.hpp"
#include "daemon/handshake.hpp"
#include "daemon/stream.hpp"
#include "daemon/warning_budget.hpp"

namespace brigade::daemon {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStopLimit{1'000};   // for peers to take our last frames and Goodbye
constexpr milliseconds kCloseLimit{2'000};  // then a stream that does not end is broken off
constexpr milliseconds kStableLink{5'000};  // a link that lived so long starts pauses afresh
constexpr milliseconds kShortestTick{10};
constexpr milliseconds kLongestTick{500};
constexpr std::size_t kMaxPendingStreams = 4;  // accepted from one peer, its Hello not here yet
constexpr char kReplaced[] = "another link between these nodes took its place";

struct PeerState {
  PeerState(PeerAddress where, Redial pauses) : address(std::move(where)), redial(pauses) {}

  PeerAddress address;
  Redial redial;
  std::string last_error;

  StreamPtr link;  // both Hellos accepted
  Codec codec = Codec::kFp32;
  Clock::time_point linked_at;
  Clock::time_point heard_at;
  Clock::time_point pinged_at;
  std::uint64_t frames_seen = 0;

  StreamPtr dial;  // ours, no Hello yet
  Clock::time_point dialled_at;
  Clock::time_point next_dial;
};

/// A stream that is no link: accepted and not introduced yet, or on its way out.
struct Guest {
  StreamPtr stream;
  Clock::time_point since;
};

}  // namespace

/// All of the transport; shared, so that what gRPC's threads post finds it or finds it gone.
class Links final : public StreamListener, public std::enable_shared_from_this<Links> {
 public:
  Links(TransportOptions options, boost::asio::any_io_executor executor,
        TransportCallbacks callbacks);

  Result<> start();
  void stop();
  void send(const NodeId& to, const swarm::Message& message, std::optional<PayloadData> payload);
  std::vector<LinkInfo> links() const;
  TransportCounters counters() const;
  std::string listen_address() const { return listen_address_; }

  void on_hello(const StreamPtr& stream, const Hello& hello) override;
  void on_message(const StreamPtr& stream, swarm::Message message,
                  std::optional<PayloadData> payload) override;
  void on_closed(const StreamPtr& stream, CloseKind kind, const std::string& reason) override;

 private:
  StreamPtr make_stream(const NodeId& peer, bool is_dialled);
  Result<> listen();
  void adopt(const StreamPtr& stream);
  void schedule_tick();
  void tick();
  void tick_peer(PeerState& peer, Clock::time_point now);
  void tick_guests(Clock::time_point now);
  void forgive_own_pause(Clock::duration pause);
  void dial(PeerState& peer, Clock::time_point now);
  void dial_failed(PeerState& peer, const std::string& reason);
  void establish(PeerState& peer, const StreamPtr& stream, const Hello& hello);
  void link_down(PeerState& peer, const std::string& reason);
  void tell_link_down(const PeerState& peer, const std::string& reason);
  void close(const StreamPtr& stream, const std::string& reason);
  bool drop_pending(const StreamPtr& stream);
  void warn(const std::string& text);
  PeerState* find(const NodeId& id);
  Hello own_hello() const;

  TransportOptions options_;
  boost::asio::any_io_executor executor_;
  boost::asio::thread_pool writer_{1};  // starts large writes
  TransportCallbacks callbacks_;
  boost::asio::steady_timer timer_;
  milliseconds tick_interval_;
  Clock::time_point ticked_at_;
  std::shared_ptr<StreamCounters> counters_ = std::make_shared<StreamCounters>();
  std::shared_ptr<LiveReactors> live_ = std::make_shared<LiveReactors>();
  std::map<NodeId, PeerState> peers_;
  std::vector<Guest> pending_;  // accepted, no Hello yet
  std::vector<Guest> closing_;  // until gRPC is done with them
  std::unique_ptr<Acceptor> acceptor_;
  std::string listen_address_;
  WarningBudget warnings_{Clock::now()};
  std::atomic<bool> is_stopped_{false};
};

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
  // The set of peers is fixed before the first connection, so gRPC's threads may read it.
  std::vector<NodeId> pinned;
  for (const auto& [id, peer] : peers_) pinned.push_back(id);
  policy.is_pinned = [pinned = std::move(pinned)](const NodeId& id) {
    return std::binary_search(pinned.begin(), pinned.end(), id);
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
  BRIGADE_ASSIGN(acceptor_, Acceptor::start({options_.listen, options_.identity, std::move(policy),
                                             live_, std::move(make)}));
  if (options_.listen.empty()) return {};
  listen_address_ = join_address(parts.host, static_cast<std::uint16_t>(acceptor_->port()));
  return {};
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
  hello.stage = options_.stage;
  hello.software = options_.software;
  hello.codecs = options_.decodes;
  return hello;
}

PeerState* Links::find(const NodeId& id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

void Links::adopt(const StreamPtr& stream) {
  const auto of_same_peer = std::count_if(pending_.begin(), pending_.end(), [&](const Guest& g) {
    return g.stream->peer() == stream->peer();
  });
  if (is_stopped_ || static_cast<std::size_t>(of_same_peer) >= kMaxPendingStreams) {
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
  PeerState* peer = find(stream->peer());
  BRIGADE_CHECK(peer != nullptr, "a stream of a peer that TLS should have refused");
  if (peer->dial != stream && !drop_pending(stream)) return;
  const Result<> verdict = check_hello({options_.identity.id, own_hello()}, {stream->peer(), hello},
                                       peer->address.stage);
  if (verdict.has_error()) {
    const std::string reason = "refused the hello: " + verdict.error().message;
    if (peer->dial == stream) {
      dial_failed(*peer, reason);
    } else {
      peer->last_error = reason;
      warn(reason);
    }
    close(stream, reason);
    return;
  }
  establish(*peer, stream, hello);
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
  peer.linked_at = peer.heard_at = peer.pinged_at = now;
  peer.frames_seen = 0;
  peer.codec = agree_on_codec(options_.codec, own_hello(), hello);
  peer.last_error.clear();
  stream->ping();
  if (old) tell_link_down(peer, kReplaced);
  if (!is_stopped_ && callbacks_.on_link_up) callbacks_.on_link_up(peer.address);
}

void Links::tell_link_down(const PeerState& peer, const std::string& reason) {
  if (!is_stopped_ && callbacks_.on_link_down) callbacks_.on_link_down(peer.address, reason);
}

void Links::on_message(const StreamPtr& stream, swarm::Message message,
                       std::optional<PayloadData> payload) {
  PeerState* peer = find(stream->peer());
  if (is_stopped_ || peer == nullptr || peer->link != stream || !callbacks_.on_message) return;
  callbacks_.on_message(stream->peer(), std::move(message), std::move(payload));
}

void Links::on_closed(const StreamPtr& stream, CloseKind kind, const std::string& reason) {
  if (is_stopped_) return;
  PeerState* peer = find(stream->peer());
  if (peer == nullptr) return;
  closing_.push_back({stream, Clock::now()});
  if (peer->link == stream) {
    link_down(*peer, reason);
  } else if (peer->dial == stream) {
    dial_failed(*peer, reason);
  } else if (drop_pending(stream) && kind != CloseKind::kLost) {
    peer->last_error = reason;
    warn(fmt::format("node {} (stage {}): {}", to_short(stream->peer()),
                     peer->address.stage.value(), reason));
  }
}

void Links::link_down(PeerState& peer, const std::string& reason) {
  const Clock::time_point now = Clock::now();
  if (now - peer.linked_at > kStableLink) peer.redial.reset();
  peer.link = nullptr;
  peer.last_error = reason;
  peer.next_dial = now + std::chrono::duration_cast<Clock::duration>(peer.redial.next_pause());
  tell_link_down(peer, reason);
}

// --- Time ------------------------------------------------------------------------------------

void Links::schedule_tick() {
  timer_.expires_after(tick_interval_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (auto self = weak.lock(); self && !self->is_stopped_) self->tick();
  });
}

void Links::tick() {
  const Clock::time_point now = Clock::now();
  const Clock::duration late = now - ticked_at_ - tick_interval_;
  if (late > tick_interval_) forgive_own_pause(late);
  ticked_at_ = now;
  for (auto& [id, peer] : peers_) tick_peer(peer, now);
  tick_guests(now);
  live_->release_channels();
  if (!is_stopped_) schedule_tick();  // a callback may have stopped us
}

/// This process was stopped or starved: what peers sent meanwhile is still in the sockets.
void Links::forgive_own_pause(Clock::duration pause) {
  for (auto& [id, peer] : peers_) {
    peer.heard_at += pause;
    peer.dialled_at += pause;
  }
  for (Guest& guest : pending_) guest.since += pause;
}

void Links::tick_peer(PeerState& peer, Clock::time_point now) {
  if (peer.link) {
    const std::uint64_t frames = peer.link->frames_received();
    if (frames != peer.frames_seen) {
      peer.frames_seen = frames;
      peer.heard_at = now;
    }
    if (now - peer.heard_at > options_.silence_limit) {
      const StreamPtr dead = peer.link;
      link_down(peer, fmt::format("silent for {} ms", options_.silence_limit.count()));
      dead->abandon();
      closing_.push_back({dead, now});
    } else if (now - peer.pinged_at >= options_.ping_interval) {
      peer.pinged_at = now;
      peer.link->ping();
    }
  }
  if (peer.dial && now - peer.dialled_at > options_.handshake_limit) {
    const StreamPtr dead = peer.dial;
    dial_failed(peer, fmt::format("cannot reach {}: no answer within {} ms", peer.address.address,
                                  options_.handshake_limit.count()));
    dead->abandon();
    closing_.push_back({dead, now});
  }
  const bool wants_dial = !peer.address.address.empty() && !peer.link && !peer.dial;
  if (wants_dial && now >= peer.next_dial) dial(peer, now);
}

void Links::tick_guests(Clock::time_point now) {
  for (const Guest& guest : std::vector<Guest>(pending_)) {
    if (now - guest.since <= options_.handshake_limit) continue;
    drop_pending(guest.stream);
    close(guest.stream, "no hello came");
  }
  std::erase_if(closing_, [](const Guest& guest) { return guest.stream->is_done(); });
  for (const Guest& guest : closing_) {
    if (now - guest.since > kCloseLimit) guest.stream->cancel();
  }
}

// --- Dialling --------------------------------------------------------------------------------

void Links::dial(PeerState& peer, Clock::time_point now) {
  peer.dialled_at = now;
  peer.dial = make_stream(peer.address.id, /*is_dialled=*/true);
  peer.dial->send(own_hello(), std::nullopt);
  start_dial({peer.address.address, options_.identity, peer.address.id, peer.dial, live_});
}

void Links::dial_failed(PeerState& peer, const std::string& reason) {
  peer.dial = nullptr;
  peer.next_dial =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(peer.redial.next_pause());
  const bool is_news = reason != peer.last_error;
  if (peer.link) return;  // the other one of two that were dialled at once
  peer.last_error = reason;
  if (is_news) {
    warn(fmt::format("node {} (stage {}): {}", to_short(peer.address.id),
                     peer.address.stage.value(), reason));
  }
}

void Links::warn(const std::string& text) {
  if (is_stopped_ || !callbacks_.on_warning) return;
  if (const auto line = warnings_.admit(text, Clock::now())) callbacks_.on_warning(*line);
}

// --- For the rest of the daemon --------------------------------------------------------------

void Links::send(const NodeId& to, const swarm::Message& message,
                 std::optional<PayloadData> payload) {
  PeerState* peer = find(to);
  if (peer == nullptr || !peer->link) return;
  peer->link->send(message, std::move(payload));
}

std::vector<LinkInfo> Links::links() const {
  std::vector<LinkInfo> infos;
  for (const auto& [id, peer] : peers_) {
    infos.push_back({peer.address, peer.link != nullptr, peer.link ? peer.link->round_trip_ms() : 0,
                     peer.last_error, peer.codec});
  }
  return infos;
}

TransportCounters Links::counters() const {
  return {counters_->bytes_sent,      counters_->bytes_received, counters_->frames_sent,
          counters_->frames_received, counters_->frames_refused, counters_->messages_dropped};
}

namespace {

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(TransportOptions options, boost::asio::any_io_executor executor,
                TransportCallbacks callbacks)
      : links_(std::make_shared<Links>(std::move(options), std::move(executor),
                                       std::move(callbacks))) {}
  ~GrpcTransport() override { links_->stop(); }

  Result<> start() override { return links_->start(); }
  std::string listen_address() const override { return links_->listen_address(); }
  void send(const NodeId& to, const swarm::Message& message,
            std::optional<PayloadData> payload) override {
    links_->send(to, message, std::move(payload));
  }
  std::vector<LinkInfo> links() const override { return links_->links(); }
  TransportCounters counters() const override { return links_->counters(); }
  void stop() override { links_->stop(); }

 private:
  std::shared_ptr<Links> links_;
};

}  // namespace

std::unique_ptr<Transport> make_grpc_transport(TransportOptions options,
                                               boost::asio::any_io_executor executor,
                                               TransportCallbacks callbacks) {
  return std::make_unique<GrpcTransport>(std::move(options), std::move(executor),
                                         std::move(callbacks));
}

}  // namespace brigade::daemon

// Links over time: pings, silence, dials and their pauses.
#include <fmt/format.h>

#include <utility>

#include "daemon/links.hpp"

namespace brigade::daemon {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCloseLimit{2'000};  // then a stream that does not end is broken off

}  // namespace

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
  forget_members();
  if (relay_) relay_->expire();
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
      link_down(peer, fmt::format("silent for {} ms", options_.silence_limit.count()), false);
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
  const bool wants_dial =
      peer.is_pinned && !peer.address.address.empty() && !peer.link && !peer.dial;
  if (wants_dial && now >= peer.next_dial) dial(peer, now);
}

void Links::tick_guests(Clock::time_point now) {
  for (const Guest& guest : std::vector<Guest>(pending_)) {
    if (now - guest.since <= options_.handshake_limit) continue;
    drop_pending(guest.stream);
    close(guest.stream, "no hello came");
    blame(guest.stream->peer(), "a connection without a hello");
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
  if (!peer.is_pinned) {  // membership knows what it means
    if (!is_stopped_ && callbacks_.on_dial_failed)
      callbacks_.on_dial_failed(peer.address.id, reason);
    return;
  }
  peer.last_error = reason;
  if (is_news) {
    warn(fmt::format("node {} (stage {}): {}", to_short(peer.address.id),
                     peer.address.stage.value(), reason));
  }
}

void Links::blame(const NodeId& peer, const std::string& what) {
  if (!is_stopped_ && callbacks_.on_misdeed) callbacks_.on_misdeed(peer, what);
}

void Links::warn(const std::string& text) {
  if (is_stopped_ || !callbacks_.on_warning) return;
  if (const auto line = warnings_.admit(text, Clock::now())) callbacks_.on_warning(*line);
}

}  // namespace brigade::daemon

#include "daemon/stream.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.hpp"

namespace brigade::daemon {

namespace {

constexpr std::size_t kLargeBytes = 16 * 1024;  // more than some microseconds to write
constexpr double kRoundTripWeight = 1.0 / 8;  // of a new sample, as TCP smooths its own (RFC 6298)

std::uint64_t steady_nanoseconds() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

Error protocol_error(std::string text) {
  return make_error(ErrorCode::kProtocol, std::move(text));
}

}  // namespace

Stream::Stream(Setup setup)
    : setup_(std::move(setup)),
      queue_(SendQueue::Bounds{setup_.queue_bytes, limits::kControlReserveBytes}) {}

// --- The strand's side -----------------------------------------------------------------------

bool Stream::send(const FrameBody& body, std::optional<PayloadData> payload) {
  const std::lock_guard lock(mutex_);
  if (is_closing_ || is_released_) return false;
  if (!queue_.push(body, std::move(payload))) {
    ++setup_.counters->messages_dropped;
    return false;
  }
  write_next_elsewhere();
  return true;
}

void Stream::accept_hello(const Hello& hello) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t room = hello.max_frame_bytes - limits::kMaxFrameHeaderBytes - 4;
  if (room < kPartBytes) queue_.set_part_bytes(static_cast<std::size_t>(room));
}

void Stream::ping() {
  const std::uint64_t token = steady_nanoseconds();
  ping_token_ = token;
  send(Ping{token}, std::nullopt);
}

void Stream::close(const std::string& reason) {
  is_detached_ = true;
  const std::lock_guard lock(mutex_);
  if (is_closing_ || is_released_) return;
  queue_.push(Goodbye{printable_line(reason)}, std::nullopt);
  begin_closing();
}

void Stream::abandon() {
  is_detached_ = true;
  const std::lock_guard lock(mutex_);
  queue_.clear();
  begin_closing();
  if (port_ != nullptr) port_->cancel();
}

void Stream::cancel() {
  const std::lock_guard lock(mutex_);
  if (port_ != nullptr) port_->cancel();
}

// --- The port's side -------------------------------------------------------------------------

void Stream::open(StreamPort& port) {
  const std::lock_guard lock(mutex_);
  port_ = &port;
  read_next();
  write_next();
  finish_if_idle();  // the strand may have turned it away before it was open
}

void Stream::on_read_done(bool ok) {
  Result<> taken;
  if (ok) {
    frames_received_.fetch_add(1);
    bytes_received_.fetch_add(read_buffer_.Length());
    setup_.counters->frames_received.fetch_add(1);
    setup_.counters->bytes_received.fetch_add(read_buffer_.Length());
    // Nothing after a refusal or a Goodbye is looked at; reading on drains the stream to its end.
    if (!is_reported_ && !is_detached_) taken = take_frame();
    read_buffer_.Clear();
  }
  if (taken.has_error()) {
    setup_.counters->frames_refused.fetch_add(1);
    report_closed(CloseKind::kRefused, "refused its frame: " + taken.error().message);
  }
  const std::lock_guard lock(mutex_);
  is_reading_ = false;
  if (taken.has_error() && !is_closing_) {
    queue_.clear();
    queue_.push(Goodbye{printable_line("refused a frame: " + taken.error().message)}, std::nullopt);
    begin_closing();
  }
  if (!ok) {
    is_read_ended_ = true;
    queue_.clear();
    begin_closing();
    // A write that the peer's flow control holds up would never end now.
    if (is_writing_ && port_ != nullptr) port_->cancel();
  }
  read_next();
  finish_if_idle();
}

void Stream::on_write_done(bool ok) {
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  if (ok) {
    bytes_sent_.fetch_add(writing_frame_.bytes.Length());
    setup_.counters->bytes_sent.fetch_add(writing_frame_.bytes.Length());
    setup_.counters->frames_sent.fetch_add(1);
  } else {
    queue_.clear();  // the stream is broken: the read side learns it too, and why
  }
  writing_frame_ = {};
  if (ok) write_next();
  finish_if_idle();
}

void Stream::on_done(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    port_ = nullptr;
    is_released_ = true;
    queue_.clear();
  }
  report_closed(CloseKind::kLost, why);
  is_done_ = true;
}

// --- Reading ---------------------------------------------------------------------------------

Result<> Stream::take_frame() {
  BRIGADE_ASSIGN(ParsedFrame frame, parse_frame(read_buffer_));
  return take_body(std::move(frame));
}

Result<> Stream::take_body(ParsedFrame frame) {
  if (const auto* goodbye = std::get_if<Goodbye>(&frame.body)) {
    report_closed(CloseKind::kPeerClosed, "the peer closed: " + goodbye->reason);
    const std::lock_guard lock(mutex_);
    queue_.clear();
    begin_closing();
    return {};
  }
  if (const auto* hello = std::get_if<Hello>(&frame.body)) {
    if (std::exchange(has_hello_, true)) return protocol_error("a second hello");
    boost::asio::post(setup_.executor, [self = shared_from_this(), hello = *hello] {
      if (self->is_detached_) return;
      if (auto listener = self->setup_.listener.lock()) listener->on_hello(self, hello);
    });
    return {};
  }
  if (!has_hello_) return protocol_error("a frame before the hello");
  if (const auto* ping = std::get_if<Ping>(&frame.body)) {
    const std::lock_guard lock(mutex_);
    if (is_closing_ || queue_.push(Pong{ping->token}, std::nullopt)) {
      write_next();
      return {};
    }
    return protocol_error("more pings than it reads answers to");
  }
  if (const auto* pong = std::get_if<Pong>(&frame.body)) {
    take_pong(*pong);
    return {};
  }
  if (auto* gossip = std::get_if<Gossip>(&frame.body)) {
    const std::uint64_t bytes = gossip->bytes.size();
    post_counted(bytes, [bytes = std::move(gossip->bytes)](StreamListener& listener,
                                                           const StreamPtr& self) mutable {
      listener.on_gossip(self, std::move(bytes));
    });
    return {};
  }
  if (const auto* call = std::get_if<RelayCall>(&frame.body)) {
    post_counted(0, [call = *call](StreamListener& listener, const StreamPtr& self) {
      listener.on_relay_call(self, call);
    });
    return {};
  }
  if (const auto* continuation = std::get_if<Continuation>(&frame.body)) {
    return take_part(continuation->direction, frame);
  }
  return take_message(std::move(frame));
}

Result<> Stream::take_message(ParsedFrame frame) {
  auto& message = std::get<swarm::Message>(frame.body);
  if (!frame.plan) {
    deliver(std::move(message), std::nullopt, 0);
    return {};
  }
  const swarm::Direction direction = std::holds_alternative<swarm::Backward>(message)
                                         ? swarm::Direction::kBackward
                                         : swarm::Direction::kForward;
  Unfinished& unfinished = unfinished_[static_cast<std::size_t>(direction)];
  BRIGADE_TRY(unfinished.payload.begin(*frame.plan));
  unfinished.message = std::move(message);
  return take_part(direction, frame);
}

Result<> Stream::take_part(swarm::Direction direction, const ParsedFrame& frame) {
  Unfinished& unfinished = unfinished_[static_cast<std::size_t>(direction)];
  BRIGADE_ASSIGN(std::optional<PayloadData> payload, unfinished.payload.add(frame.part));
  if (payload) {
    const std::uint64_t bytes = payload->bytes.size();
    deliver(std::move(unfinished.message), std::move(payload), bytes);
  }
  return {};
}

template <class Tell>
void Stream::post_counted(std::uint64_t bytes, Tell tell) {
  {
    const std::lock_guard lock(mutex_);
    backlog_bytes_ += bytes;
    backlog_frames_ += 1;
  }
  boost::asio::post(setup_.executor,
                    [self = shared_from_this(), bytes, tell = std::move(tell)]() mutable {
                      if (!self->is_detached_) {
                        if (auto listener = self->setup_.listener.lock()) tell(*listener, self);
                      }
                      self->delivered(bytes);
                    });
}

void Stream::deliver(swarm::Message message, std::optional<PayloadData> payload,
                     std::uint64_t bytes) {
  post_counted(bytes, [message = std::move(message), payload = std::move(payload)](
                          StreamListener& listener, const StreamPtr& self) mutable {
    listener.on_message(self, std::move(message), std::move(payload));
  });
}

void Stream::delivered(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  backlog_bytes_ -= bytes;
  backlog_frames_ -= 1;
  read_next();
}

void Stream::take_pong(const Pong& pong) {
  if (pong.token != ping_token_.load()) return;  // of an earlier ping: no round trip to learn
  const double sample_ms = static_cast<double>(steady_nanoseconds() - pong.token) * 1e-6;
  const double old_ms = round_trip_ms_;
  round_trip_ms_ = old_ms == 0 ? sample_ms : old_ms + kRoundTripWeight * (sample_ms - old_ms);
}

// --- Under the lock --------------------------------------------------------------------------

bool Stream::take_next() {
  if (port_ == nullptr || is_released_ || is_half_closed_ || is_writing_) return false;
  std::optional<SendQueue::Frame> frame = queue_.pop();
  if (!frame) return false;
  writing_frame_ = std::move(*frame);
  is_writing_ = true;
  return true;
}

void Stream::write_next() {
  if (take_next()) port_->start_write(&writing_frame_.bytes);
}

/// gRPC encrypts and writes in the thread that starts a write: the strand has better to do.
void Stream::write_next_elsewhere() {
  if (!take_next()) return;
  if (!setup_.writer || writing_frame_.bytes.Length() < kLargeBytes) {
    port_->start_write(&writing_frame_.bytes);
    return;
  }
  // The port stays, and so does the frame, while is_writing_.
  boost::asio::post(setup_.writer, [self = shared_from_this(), port = port_] {
    port->start_write(&self->writing_frame_.bytes);
  });
}

void Stream::read_next() {
  if (port_ == nullptr || is_released_ || is_reading_ || is_read_ended_) return;
  const bool is_behind = backlog_bytes_ > limits::kMaxReceiveBacklogBytes ||
                         backlog_frames_ > limits::kMaxReceiveBacklogFrames;
  if (is_behind && !is_closing_) return;
  is_reading_ = true;
  port_->start_read(&read_buffer_);
}

void Stream::begin_closing() {
  is_closing_ = true;
  write_next();
  read_next();
  finish_if_idle();
}

void Stream::finish_if_idle() {
  if (!is_closing_ || port_ == nullptr || is_released_ || is_writing_ || !queue_.is_empty()) return;
  if (!is_half_closed_) {
    is_half_closed_ = true;
    // A dialled stream waits for the peer's end, so that our Goodbye is not cut off.
    if (setup_.is_dialled && !is_read_ended_) {
      port_->half_close();
      return;
    }
  }
  if (setup_.is_dialled && !is_read_ended_) return;
  is_released_ = true;
  port_->release();
}

void Stream::report_closed(CloseKind kind, std::string reason) {
  if (is_reported_.exchange(true) || is_detached_) return;
  boost::asio::post(setup_.executor, [self = shared_from_this(), kind, reason = std::move(reason)] {
    if (self->is_detached_) return;
    if (auto listener = self->setup_.listener.lock()) listener->on_closed(self, kind, reason);
  });
}

}  // namespace brigade::daemon

#include "daemon/delay_line.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/limits.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/wakeup_timer.hpp"
#include "daemon/warning_budget.hpp"

namespace brigade::daemon {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

// ---- What is held ---------------------------------------------------------------------------

bool DelayQueue::hold_message(TimePoint now, std::size_t bytes, Tell tell) {
  const bool is_full = held_.size() >= limits::kMaxReceiveBacklogFrames ||
                       bytes_ + bytes > limits::kMaxReceiveBacklogBytes;
  // One alone may be larger than the bound: it would never get through otherwise.
  if (is_full && !held_.empty()) return false;
  bytes_ += bytes;
  held_.push_back({now + delay_, bytes, std::move(tell)});
  return true;
}

void DelayQueue::hold_news(TimePoint now, Tell tell) {
  held_.push_back({now + delay_, 0, std::move(tell)});
}

std::optional<DelayQueue::Tell> DelayQueue::take(TimePoint now) {
  if (held_.empty() || held_.front().due > now) return std::nullopt;
  Held first = std::move(held_.front());
  held_.pop_front();
  bytes_ -= first.bytes;
  return std::move(first.tell);
}

void DelayQueue::clear() {
  held_.clear();
  bytes_ = 0;
}

// ---- The transport around another one -------------------------------------------------------

namespace {

class DelayLine final : public Transport {
 public:
  DelayLine(Duration round_trip, boost::asio::any_io_executor executor,
            TransportCallbacks callbacks, const MakeTransport& make)
      : round_trip_(round_trip),
        held_(round_trip / 2),
        timer_(std::move(executor), [this] { deliver(); }),
        callbacks_(std::move(callbacks)),
        inner_(make(own_callbacks())) {}
  ~DelayLine() override { stop(); }

  Result<> start() override { return inner_->start(); }
  std::string listen_address() const override { return inner_->listen_address(); }
  void send(const NodeId& to, const swarm::Message& message,
            std::optional<PayloadData> payload) override {
    inner_->send(to, message, std::move(payload));
  }
  void send_gossip(const NodeId& to, std::string bytes) override {
    inner_->send_gossip(to, std::move(bytes));
  }
  void dial(const NodeId& member, const std::string& address) override {
    inner_->dial(member, address);
  }
  void dial_through(const NodeId& member, const RelayAddress& relay) override {
    inner_->dial_through(member, relay);
  }
  Result<std::string> open_way(const NodeId& member, const RelayAddress& relay) override {
    return inner_->open_way(member, relay);
  }
  void drop(const NodeId& member, const std::string& reason) override {
    inner_->drop(member, reason);
  }
  std::vector<LinkInfo> links() const override;
  TransportCounters counters() const override { return inner_->counters(); }
  void stop() override;

 private:
  TransportCallbacks own_callbacks();
  void on_news(DelayQueue::Tell tell);
  void on_message(const NodeId& from, swarm::Message message, std::optional<PayloadData> payload);
  void deliver();

  Duration round_trip_;
  DelayQueue held_;
  WakeupTimer timer_;
  TransportCallbacks callbacks_;
  WarningBudget warnings_{Clock::now()};
  std::unique_ptr<Transport> inner_;
};

TransportCallbacks DelayLine::own_callbacks() {
  TransportCallbacks own = callbacks_;
  own.on_link_up = [this](const PeerAddress& peer) {
    on_news([this, peer] { callbacks_.on_link_up(peer); });
  };
  own.on_link_down = [this](const PeerAddress& peer, const std::string& reason, bool was_closed) {
    on_news(
        [this, peer, reason, was_closed] { callbacks_.on_link_down(peer, reason, was_closed); });
  };
  own.on_message = [this](const NodeId& from, swarm::Message message,
                          std::optional<PayloadData> payload) {
    on_message(from, std::move(message), std::move(payload));
  };
  if (callbacks_.on_gossip) {
    own.on_gossip = [this](const NodeId& from, std::string bytes) {
      const std::size_t size = bytes.size();
      auto tell = [this, from, bytes = std::move(bytes)] { callbacks_.on_gossip(from, bytes); };
      if (held_.hold_message(core_now(), size, std::move(tell)))
        timer_.arm(held_.next_wakeup());  // else lost
    };
  }
  return own;
}

void DelayLine::on_news(DelayQueue::Tell tell) {
  held_.hold_news(core_now(), std::move(tell));
  timer_.arm(held_.next_wakeup());
}

void DelayLine::on_message(const NodeId& from, swarm::Message message,
                           std::optional<PayloadData> payload) {
  const std::size_t bytes = payload ? payload->bytes.size() : 0;
  auto tell = [this, from, message = std::move(message), payload = std::move(payload)]() mutable {
    callbacks_.on_message(from, std::move(message), std::move(payload));
  };
  if (held_.hold_message(core_now(), bytes, std::move(tell)))
    return timer_.arm(held_.next_wakeup());
  const auto line =
      warnings_.admit(fmt::format("the delay line is full ({} messages, {} bytes): a message of {} "
                                  "was dropped; lower link_delay_ms or the window",
                                  held_.count(), held_.bytes(), to_short(from)),
                      Clock::now());
  if (line) callbacks_.on_warning(*line);
}

void DelayLine::deliver() {
  const TimePoint now = core_now();
  // A callback may stop us: then nothing is held any more.
  while (const auto tell = held_.take(now)) (*tell)();
  timer_.arm(held_.next_wakeup());
}

std::vector<LinkInfo> DelayLine::links() const {
  std::vector<LinkInfo> infos = inner_->links();
  const double added_ms = std::chrono::duration<double, std::milli>(round_trip_).count();
  for (LinkInfo& info : infos) {
    if (info.round_trip_ms > 0) info.round_trip_ms += added_ms;
  }
  return infos;
}

void DelayLine::stop() {
  held_.clear();
  timer_.cancel();
  inner_->stop();
}

}  // namespace

std::unique_ptr<Transport> make_delay_line(Duration round_trip,
                                           boost::asio::any_io_executor executor,
                                           TransportCallbacks callbacks,
                                           const MakeTransport& make) {
  return std::make_unique<DelayLine>(round_trip, std::move(executor), std::move(callbacks), make);
}

}  // namespace brigade::daemon

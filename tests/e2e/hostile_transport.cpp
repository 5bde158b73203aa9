#include "tests/e2e/hostile_transport.hpp"

#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "daemon/payload.hpp"
#include "daemon/transcode.hpp"

namespace brigade::hostile {
namespace {

using daemon::PayloadBuffer;
using daemon::PayloadData;
using daemon::PayloadShape;
using daemon::TransportCallbacks;

constexpr float kExplosion = 1e5F;
constexpr int kReplays = 30;  // of each tensor
constexpr int kFlood = 1000;  // stray receipts with each message

PayloadData fill(const PayloadShape& shape,
                 const std::function<void(std::span<std::byte>)>& write) {
  PayloadBuffer buffer(shape.total_bytes());
  write(buffer.bytes());
  const std::uint64_t checksum = daemon::payload_checksum(buffer.bytes());
  return {shape, std::move(buffer).into_slice(), checksum};
}

/// Its numbers changed, in fp32; tokens as they were.
PayloadData with_numbers(const PayloadData& payload, const std::function<float(float)>& change) {
  const PayloadData plain = daemon::to_fp32(payload).value();
  return fill(plain.shape, [&](std::span<std::byte> out) {
    std::memcpy(out.data(), plain.bytes.begin(), out.size());
    for (std::size_t at = 0; at < plain.tensor().size(); at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, out.data() + at, sizeof value);
      value = change(value);
      std::memcpy(out.data() + at, &value, sizeof value);
    }
  });
}

/// As a sound payload of a model of another width.
PayloadData with_other_shape(const PayloadData& payload) {
  PayloadShape shape = payload.shape;
  shape.width *= 2;
  return fill(shape, [](std::span<std::byte> out) { std::memset(out.data(), 0, out.size()); });
}

bool is_tensor(const swarm::Message& message) {
  return std::holds_alternative<swarm::Forward>(message) ||
         std::holds_alternative<swarm::Backward>(message);
}

class HostileTransport final : public daemon::Transport {
 public:
  HostileTransport(std::string misdeed, TransportCallbacks callbacks,
                   const daemon::MakeTransport& make)
      : misdeed_(std::move(misdeed)) {
    if (misdeed_ == "bad-snapshot") spoil_pieces(callbacks);
    inner_ = make(std::move(callbacks));
  }

  void send(const NodeId& to, const swarm::Message& message,
            std::optional<PayloadData> payload) override {
    if (misdeed_ == "lying-offer") return send_lie(to, message, std::move(payload));
    if (payload) payload = spoil(message, std::move(*payload));
    inner_->send(to, message, payload);
    for (int i = 0; misdeed_ == "replay" && payload && is_tensor(message) && i < kReplays; ++i)
      inner_->send(to, message, payload);
    for (int i = 0; misdeed_ == "flood" && i < kFlood; ++i) {
      swarm::Receipt stray;
      stray.id.epoch = Epoch(1);
      stray.id.sequence = Sequence(static_cast<std::uint64_t>(i));
      stray.direction = swarm::Direction::kBackward;
      stray.attempt = Attempt{1};
      inner_->send(to, stray, std::nullopt);
    }
  }

  Result<> start() override { return inner_->start(); }
  std::string listen_address() const override { return inner_->listen_address(); }
  void send_gossip(const NodeId& to, std::string bytes) override {
    inner_->send_gossip(to, std::move(bytes));
  }
  void dial(const NodeId& member, const std::string& address) override {
    inner_->dial(member, address);
  }
  void dial_through(const NodeId& member, const daemon::RelayAddress& relay) override {
    inner_->dial_through(member, relay);
  }
  Result<std::string> open_way(const NodeId& member, const daemon::RelayAddress& relay) override {
    return inner_->open_way(member, relay);
  }
  void drop(const NodeId& member, const std::string& reason) override {
    inner_->drop(member, reason);
  }
  std::vector<daemon::LinkInfo> links() const override { return inner_->links(); }
  daemon::TransportCounters counters() const override { return inner_->counters(); }
  void stop() override { inner_->stop(); }

 private:
  PayloadData spoil(const swarm::Message& message, PayloadData payload) const {
    if (is_tensor(message)) {
      if (misdeed_ == "nan")
        return with_numbers(payload, [](float) { return std::numeric_limits<float>::quiet_NaN(); });
      if (misdeed_ == "explode")
        return with_numbers(payload, [](float value) { return value * kExplosion; });
      if (misdeed_ == "wrong-shape") return with_other_shape(payload);
    }
    if (misdeed_ == "bad-share" && std::holds_alternative<swarm::Share>(message))
      return with_numbers(payload, [](float value) { return -value; });
    return payload;
  }

  /// The quickest of all, which takes everything and gives nothing.
  void send_lie(const NodeId& to, const swarm::Message& message,
                std::optional<PayloadData> payload) {
    if (is_tensor(message)) return;
    swarm::Message lie = message;
    const auto praise = [](swarm::Offer& offer) {
      offer.queue = 0;
      offer.pace = Duration{1};
    };
    if (auto* beacon = std::get_if<swarm::NodeBeacon>(&lie)) praise(beacon->offer);
    if (auto* receipt = std::get_if<swarm::Receipt>(&lie)) praise(receipt->offer);
    inner_->send(to, lie, std::move(payload));
  }

  /// Who copies a checkpoint from here gets one with a wrong byte in each piece.
  static void spoil_pieces(TransportCallbacks& callbacks) {
    callbacks.on_question = [honest = callbacks.on_question](daemon::Question question) {
      if (question.kind == daemon::Asks::kPiece) {
        question.answer = [answer = question.answer](Result<std::string> piece) {
          if (piece.has_value() && !piece->empty()) piece->back() ^= 1;
          answer(std::move(piece));
        };
      }
      honest(std::move(question));
    };
  }

  std::string misdeed_;
  std::unique_ptr<daemon::Transport> inner_;
};

}  // namespace

const std::vector<Misdeed>& misdeeds() {
  static const std::vector<Misdeed> kAll{
      {"nan", "activations and gradients of NaN"},
      {"explode", "activations and gradients 100,000 times too large"},
      {"wrong-shape", "activations and gradients of another width"},
      {"replay", "every tensor 31 times"},
      {"flood", "a thousand stray receipts with every message"},
      {"lying-offer", "says that it is the quickest of all, takes everything, gives nothing back"},
      {"bad-share", "weights with their signs turned, for other replicas"},
      {"bad-snapshot", "a wrong byte in each piece of a checkpoint"},
  };
  return kAll;
}

std::unique_ptr<daemon::Transport> make_hostile_transport(const std::string& misdeed,
                                                          TransportCallbacks callbacks,
                                                          const daemon::MakeTransport& make) {
  return std::make_unique<HostileTransport>(misdeed, std::move(callbacks), make);
}

}  // namespace brigade::hostile

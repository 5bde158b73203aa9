// Nodes with real sockets on loopback, for tests: each has its own io_context and thread, records
// what its transport told it, and can be asked to wait for a condition with a deadline.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/grpc_transport.hpp"

namespace brigade::daemon::testing {

constexpr std::chrono::seconds kDeadline{20};  // far above what any step takes

struct Heard {
  NodeId from;
  swarm::Message message;
  std::optional<PayloadData> payload;
};

struct Journal {
  std::vector<std::string> warnings;
  std::vector<std::string> downs;
  int ups = 0;
  std::vector<Heard> messages;
  std::vector<std::string> gossip;
  std::vector<std::string> failed_dials;
  std::vector<std::pair<NodeId, NodeId>> calls;  // who dials, through whom
};

/// Where there are members: who is let in, and who is passed on.
struct MemberRules {
  std::function<Result<>(const NodeId&, const std::string& record)> admit;
  std::function<Result<>(const NodeId& caller, const NodeId& callee)> may_relay;
  std::string record;  // of one's own
};

inline Identity identity_or_die() {
  return make_identity().value();
}

/// Timings that make tests quick.
inline TransportOptions quick_options(const Identity& identity, std::uint32_t stage) {
  TransportOptions options;
  options.identity = identity;
  options.swarm.fill(7);
  options.stage = StageIndex(stage);
  options.software = "test 1";
  options.listen = "127.0.0.1:0";
  options.ping_interval = std::chrono::milliseconds{50};
  options.silence_limit = std::chrono::milliseconds{2000};
  options.first_redial_pause = std::chrono::milliseconds{20};
  options.longest_redial_pause = std::chrono::milliseconds{200};
  return options;
}

class TestNode {
 public:
  explicit TestNode(TransportOptions options) : TestNode(std::move(options), {}) {}
  TestNode(TransportOptions options, const MemberRules& rules)
      : work_(context_.get_executor()), thread_([this] { context_.run(); }) {
    transport_ = make_grpc_transport(std::move(options), context_.get_executor(), callbacks(rules));
  }
  ~TestNode() { stop(); }

  Result<> start() {
    Result<> started;
    on_strand([&] { started = transport_->start(); });
    return started;
  }
  std::string address() const { return transport_->listen_address(); }

  void send(const NodeId& to, swarm::Message message, std::optional<PayloadData> payload = {}) {
    on_strand([&] { transport_->send(to, message, std::move(payload)); });
  }
  Transport& transport() { return *transport_; }
  std::vector<LinkInfo> links() {
    std::vector<LinkInfo> found;
    on_strand([&] { found = transport_->links(); });
    return found;
  }
  TransportCounters counters() const { return transport_->counters(); }

  /// Waits until `condition(journal)` holds; false at the deadline. Looks again now and then, for
  /// conditions on counters.
  bool wait(const std::function<bool(const Journal&)>& condition,
            std::chrono::milliseconds limit = kDeadline) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::unique_lock lock(mutex_);
    while (!condition(journal_)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      changed_.wait_for(lock, std::chrono::milliseconds{10});
    }
    return true;
  }
  bool wait_for_link(int ups = 1) {
    return wait([ups](const Journal& journal) { return journal.ups >= ups; });
  }
  bool wait_for_warning(const std::string& part) {
    return wait([&](const Journal& journal) {
      for (const std::string& line : journal.warnings) {
        if (line.find(part) != std::string::npos) return true;
      }
      return false;
    });
  }
  Journal journal() {
    const std::lock_guard lock(mutex_);
    return journal_;
  }

  /// Runs `work` on the core strand and waits for it.
  void on_strand(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void stop() {
    if (!thread_.joinable()) return;
    on_strand([this] { transport_->stop(); });
    work_.reset();
    context_.stop();
    thread_.join();
  }

 private:
  TransportCallbacks callbacks(const MemberRules& rules) {
    TransportCallbacks callbacks;
    if (rules.admit) {
      callbacks.admit = rules.admit;
      callbacks.may_relay = rules.may_relay;
      callbacks.own_record = [record = rules.record] { return record; };
      callbacks.on_gossip = [this](const NodeId&, const std::string& bytes) {
        change([&](Journal& j) { j.gossip.push_back(bytes); });
      };
      callbacks.on_dial_failed = [this](const NodeId&, const std::string& reason) {
        change([&](Journal& j) { j.failed_dials.push_back(reason); });
      };
      callbacks.on_called = [this](const NodeId& caller, const NodeId& relay) {
        change([&](Journal& j) { j.calls.emplace_back(caller, relay); });
      };
      callbacks.on_question = [this](const Question& question) {
        if (question.bytes == "say nothing") return;
        if (question.bytes == "keep me waiting") return waiting_.push_back(question);
        if (question.bytes == "refuse")
          return question.answer(make_error(ErrorCode::kBadInput, "not you"));
        question.answer(question.host + " asks " + question.bytes);
      };
    }
    callbacks.on_link_up = [this](const PeerAddress&) { change([](Journal& j) { ++j.ups; }); };
    callbacks.on_link_down = [this](const PeerAddress&, const std::string& reason, bool) {
      change([&](Journal& j) { j.downs.push_back(reason); });
    };
    callbacks.on_message = [this](const NodeId& from, swarm::Message message,
                                  std::optional<PayloadData> payload) {
      change([&](Journal& j) {
        j.messages.push_back({from, std::move(message), std::move(payload)});
      });
    };
    callbacks.on_warning = [this](const std::string& text) {
      change([&](Journal& j) { j.warnings.push_back(text); });
    };
    return callbacks;
  }

  void change(const std::function<void(Journal&)>& edit) {
    const std::lock_guard lock(mutex_);
    edit(journal_);
    changed_.notify_all();
  }

  std::vector<Question> waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Journal journal_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<Transport> transport_;
  std::thread thread_;
};

/// A payload of the shape, with bytes that depend on `seed`.
inline PayloadData make_payload(std::uint32_t batch, std::uint32_t tokens, std::uint32_t width,
                                bool has_tokens, unsigned seed = 1) {
  PayloadData payload;
  payload.shape = {Codec::kFp32, batch, tokens, width, has_tokens};
  PayloadBuffer buffer(payload.shape.total_bytes());
  for (std::size_t i = 0; i < buffer.bytes().size(); ++i) {
    buffer.bytes()[i] = static_cast<std::byte>((i * 31 + seed) & 0xff);
  }
  payload.checksum = payload_checksum(buffer.bytes());
  payload.bytes = std::move(buffer).into_slice();
  return payload;
}

}  // namespace brigade::daemon::testing

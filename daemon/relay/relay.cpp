#include "daemon/relay/relay.hpp"

#include <utility>

#include "base/check.hpp"
#include "daemon/grpc_settings.hpp"
#include "daemon/relay/tunnel.hpp"

namespace brigade::daemon {

/// One node's call. gRPC owns it until OnDone.
class Relay::End final : public grpc::ServerGenericBidiReactor {
 public:
  End(std::shared_ptr<Relay> relay, grpc::GenericCallbackServerContext& context, const NodeId& peer)
      : relay_(std::move(relay)), context_(context), node_(peer) {
    relay_->live_->enter();
    StartRead(&in_);
  }

  const NodeId& id() const { return node_; }

  /// Both are of one tunnel from now on. Under the relay's lock.
  static void join(End& caller, End& callee) {
    caller.other_ = &callee;
    callee.other_ = &caller;
    if (caller.is_ended_ || callee.is_ended_) return end_both(caller, callee);
    caller.write(caller.open_);
    callee.write(callee.open_);
  }

  /// Under the relay's lock.
  void end(const grpc::Status& status) {
    if (std::exchange(is_ended_, true)) return;
    status_ = status;
    if (is_writing_) {
      context_.TryCancel();  // the write may wait for a reader that never comes
    } else {
      finish();
    }
  }

  void OnReadDone(bool ok) override {
    if (!has_asked_) {
      has_asked_ = true;
      return relay_->on_request(*this, ok ? to_string(in_) : std::string(kTunnelPiece, '\xff'));
    }
    const std::lock_guard lock(relay_->mutex_);
    if (!ok || other_ == nullptr || in_.Length() > kTunnelPiece) return end_with_other();
    relay_->bytes_ += in_.Length();
    other_->write(in_);
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(relay_->mutex_);
    is_writing_ = false;
    if (is_ended_) return finish();
    if (!ok || other_ == nullptr) return end_with_other();
    // What was written, the word to begin or a piece, is behind: the other end may read the next.
    other_->read();
  }
  void OnCancel() override {
    const std::lock_guard lock(relay_->mutex_);
    end_with_other();
  }
  void OnDone() override {
    relay_->forget(*this);
    const std::shared_ptr<LiveReactors> live = relay_->live_;
    delete this;
    live->leave();
  }

  bool is_caller = false;
  std::uint64_t tunnel = 0;

 private:
  friend class Relay;

  // Under the relay's lock.
  static void end_both(End& one, End& two) {
    one.end(grpc::Status::OK);
    two.end(grpc::Status::OK);
  }
  void end_with_other() {
    if (other_ != nullptr) end_both(*this, *other_);
    end(grpc::Status::OK);
  }
  void finish() {
    if (!std::exchange(is_finished_, true)) Finish(status_);
  }
  void read() {
    if (!is_ended_) StartRead(&in_);
  }
  void write(const grpc::ByteBuffer& bytes) {
    if (is_ended_) return;
    BRIGADE_CHECK(!is_writing_, "a relay writes one piece at a time");
    is_writing_ = true;
    out_ = bytes;  // shared, no copy: the other end may be gone before it is written
    StartWrite(&out_);
  }

  std::shared_ptr<Relay> relay_;
  grpc::GenericCallbackServerContext& context_;
  const NodeId node_;
  End* other_ = nullptr;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  grpc::Slice nothing_;
  grpc::ByteBuffer open_{&nothing_, 1};  // an empty message: the tunnel is open
  grpc::Status status_;
  bool has_asked_ = false;
  bool is_writing_ = false;
  bool is_ended_ = false;
  bool is_finished_ = false;
};

Relay::Relay(std::function<void(const Call&)> on_call, std::shared_ptr<LiveReactors> live)
    : on_call_(std::move(on_call)), live_(std::move(live)) {}

Relay::~Relay() = default;

grpc::ServerGenericBidiReactor* Relay::take(grpc::GenericCallbackServerContext& context,
                                            const NodeId& peer) {
  return new End(shared_from_this(), context, peer);
}

void Relay::on_request(End& end, const std::string& bytes) {
  const auto request = read_tunnel_request(bytes);
  if (request && request->callee) return on_caller(end, *request->callee);
  const std::lock_guard lock(mutex_);
  if (request) return on_answer(end, request->answers);
  end.end({grpc::StatusCode::INVALID_ARGUMENT, "no request for a tunnel"});
}

void Relay::on_caller(End& end, const NodeId& callee) {
  Call call{0, end.id(), callee};
  {
    const std::lock_guard lock(mutex_);
    const auto mine = callers_.find(end.id());
    const std::size_t of_caller = mine == callers_.end() ? 0 : mine->second;
    if (count_ < kMostTunnels && of_caller < kMostOfOne) {
      ++count_;
      ++callers_[end.id()];
      call.tunnel = end.tunnel = next_tunnel_++;
      end.is_caller = true;
      waiting_[call.tunnel] = {&end, callee, std::chrono::steady_clock::now() + kAnswerLimit};
    } else {
      end.end({grpc::StatusCode::RESOURCE_EXHAUSTED, "all tunnels of this node are in use"});
    }
  }
  if (call.tunnel != 0) on_call_(call);
}

/// Under the lock.
void Relay::on_answer(End& end, std::uint64_t tunnel) {
  const auto waiting = waiting_.find(tunnel);
  if (waiting == waiting_.end() || waiting->second.callee != end.id()) {
    return end.end({grpc::StatusCode::NOT_FOUND, "nobody waits in this tunnel"});
  }
  End& caller = *waiting->second.end;
  waiting_.erase(waiting);
  End::join(caller, end);
}

void Relay::refuse(std::uint64_t tunnel, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto waiting = waiting_.find(tunnel);
  if (waiting == waiting_.end()) return;
  End* end = waiting->second.end;
  waiting_.erase(waiting);
  end->end({grpc::StatusCode::FAILED_PRECONDITION, reason});
}

void Relay::expire() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiting_, [&](const auto& entry) {
    if (entry.second.until > now) return false;
    entry.second.end->end({grpc::StatusCode::DEADLINE_EXCEEDED, "the other node did not come"});
    return true;
  });
}

/// gRPC is done with this end.
void Relay::forget(End& end) {
  const std::lock_guard lock(mutex_);
  if (end.other_ != nullptr) end.other_->other_ = nullptr;
  if (!end.is_caller) return;
  waiting_.erase(end.tunnel);
  --count_;
  if (--callers_[end.id()] == 0) callers_.erase(end.id());
}

std::size_t Relay::tunnels() const {
  const std::lock_guard lock(mutex_);
  return count_ - waiting_.size();
}

}  // namespace brigade::daemon

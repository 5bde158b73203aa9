#include "daemon/grpc_ask.hpp"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <array>
#include <future>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/grpc_port.hpp"
#include "daemon/grpc_settings.hpp"
#include "daemon/tls.hpp"

namespace brigade::daemon {

namespace {

struct Method {
  Asks kind;
  const char* name;
};
constexpr std::array<Method, 5> kMethods = {{{Asks::kEnter, "/brigade.v1.Door/Enter"},
                                             {Asks::kReach, "/brigade.v1.Door/Reach"},
                                             {Asks::kCheckpoints, "/brigade.v1.Door/Checkpoints"},
                                             {Asks::kPiece, "/brigade.v1.Door/Piece"},
                                             {Asks::kData, "/brigade.v1.Door/Data"}}};

grpc::ByteBuffer to_buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

/// "ipv4:192.0.2.1:5070", "ipv6:%5B2001:db8::1%5D:5070": the host, with brackets where it has some.
std::string host_of(const std::string& peer) {
  const std::size_t scheme = peer.find(':');
  const std::size_t port = peer.rfind(':');
  if (scheme == std::string::npos || port <= scheme) return {};
  std::string host = peer.substr(scheme + 1, port - scheme - 1);
  for (const auto& [code, letter] : {std::pair<std::string_view, char>{"%5B", '['}, {"%5D", ']'}}) {
    if (const std::size_t at = host.find(code); at != std::string::npos)
      host.replace(at, code.size(), 1, letter);
  }
  return host;
}

}  // namespace

class Asker::Impl {
 public:
  Impl(std::string address, const Identity& identity, const NodeId& expected)
      : address_(std::move(address)),
        verdict_(std::make_shared<DialVerdict>()),
        stub_(grpc::CreateCustomChannel(
            address_, make_dial_credentials(identity, expected, verdict_), dial_arguments())) {}

  Result<std::string> ask(Asks kind, const std::string& bytes, std::chrono::milliseconds timeout) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    const grpc::ByteBuffer question = to_buffer(bytes);
    grpc::ByteBuffer answer;
    std::promise<grpc::Status> done;
    stub_.UnaryCall(&context, kMethods[static_cast<std::size_t>(kind)].name, {}, &question, &answer,
                    [&done](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    if (status.ok()) return to_string(answer);
    return explain(status, timeout);
  }

 private:
  Error explain(const grpc::Status& status, std::chrono::milliseconds timeout) const {
    if (verdict_->state() == DialVerdict::State::kRefused) {
      return make_error(ErrorCode::kUnavailable, fmt::format("another node answers at {}: {}",
                                                             address_, verdict_->reason()));
    }
    if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
      return make_error(ErrorCode::kBadInput, printable_line(status.error_message()));
    }
    const bool is_late = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("cannot reach {}: {}", address_,
                                  is_late ? fmt::format("no answer within {} ms", timeout.count())
                                          : innermost(status.error_message())));
  }

  const std::string address_;
  const std::shared_ptr<DialVerdict> verdict_;
  grpc::GenericStub stub_;
};

Asker::Asker(std::string address, const Identity& identity, const NodeId& expected) {
  quiet_grpc();
  impl_ = std::make_unique<Impl>(std::move(address), identity, expected);
}

Asker::~Asker() = default;

Result<std::string> Asker::ask(Asks kind, const std::string& bytes,
                               std::chrono::milliseconds timeout) {
  return impl_->ask(kind, bytes, timeout);
}

Result<std::string> ask(const std::string& address, const Identity& identity,
                        const NodeId& expected, Asks kind, const std::string& bytes,
                        std::chrono::milliseconds timeout) {
  return Asker(address, identity, expected).ask(kind, bytes, timeout);
}

bool can_be_reached(const std::string& address, const Identity& identity, const NodeId& expected,
                    std::chrono::milliseconds timeout) {
  quiet_grpc();
  const auto channel = grpc::CreateCustomChannel(
      address, make_dial_credentials(identity, expected, std::make_shared<DialVerdict>()),
      dial_arguments());
  return channel->WaitForConnected(std::chrono::system_clock::now() + timeout);
}

bool is_question(const std::string& method) {
  for (const Method& one : kMethods)
    if (method == one.name) return true;
  return false;
}

/// What others hold of a call: it lives itself until gRPC is done with it.
struct CallHandle {
  std::mutex mutex;
  std::function<void(const Result<std::string>&)> finish;  // empty: the call is gone

  void answer(const Result<std::string>& answer) {
    const std::lock_guard lock(mutex);
    if (finish) finish(answer);
  }
};

/// One call, from its message to its answer, whoever comes first: the answer, the end of the last
/// copy of the question, the asker's giving up, or this node's stop.
class Questions::Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(Question question, std::shared_ptr<LiveReactors> live,
       std::function<void(Question)> on_question)
      : question_(std::move(question)),
        live_(std::move(live)),
        on_question_(std::move(on_question)) {
    handle_->finish = [this](const Result<std::string>& answer) { finish(answer); };
    live_->enter();
    StartRead(&message_);
  }
  const std::shared_ptr<CallHandle>& handle() const { return handle_; }

  void OnReadDone(bool ok) override {
    if (!ok || message_.Length() > kMaxQuestionBytes) {
      return handle_->answer(make_error(ErrorCode::kBadInput, "no question of a node"));
    }
    question_.bytes = to_string(message_);
    // Whoever drops the question without a word has answered it by that.
    const std::shared_ptr<CallHandle> last(handle_.get(), [handle = handle_](CallHandle*) {
      handle->answer(make_error(ErrorCode::kUnavailable, "the node has no time for this"));
    });
    question_.answer = [last](const Result<std::string>& answer) { last->answer(answer); };
    on_question_(std::exchange(question_, {}));
  }
  void OnCancel() override {
    handle_->answer(make_error(ErrorCode::kUnavailable, "nobody waits for the answer"));
  }
  void OnDone() override {
    {
      const std::lock_guard lock(handle_->mutex);
      handle_->finish = nullptr;
    }
    const std::shared_ptr<LiveReactors> live = live_;
    delete this;
    live->leave();
  }

 private:
  /// Under the handle's lock.
  void finish(const Result<std::string>& answer) {
    if (std::exchange(is_finished_, true)) return;
    if (answer.has_value()) {
      reply_ = to_buffer(*answer);
      return StartWriteAndFinish(&reply_, {}, grpc::Status::OK);
    }
    const bool is_refusal = answer.error().code != ErrorCode::kUnavailable;
    Finish({is_refusal ? grpc::StatusCode::FAILED_PRECONDITION : grpc::StatusCode::UNAVAILABLE,
            answer.error().message});
  }

  Question question_;
  std::shared_ptr<LiveReactors> live_;
  std::function<void(Question)> on_question_;
  std::shared_ptr<CallHandle> handle_ = std::make_shared<CallHandle>();
  grpc::ByteBuffer message_;
  grpc::ByteBuffer reply_;
  bool is_finished_ = false;
};

Questions::Questions(std::function<void(Question)> on_question, std::shared_ptr<LiveReactors> live)
    : on_question_(std::move(on_question)), live_(std::move(live)) {}

Questions::~Questions() = default;

grpc::ServerGenericBidiReactor* Questions::take(grpc::GenericCallbackServerContext& context,
                                                const NodeId& asker) {
  Question question;
  question.asker = asker;
  question.host = host_of(context.peer());
  for (const Method& one : kMethods)
    if (context.method() == one.name) question.kind = one.kind;
  auto* call = new Call(std::move(question), live_, on_question_);  // gRPC's, until it is done
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [](const auto& old) { return old.expired(); });
  open_.push_back(call->handle());
  if (is_closed_) call->handle()->answer(make_error(ErrorCode::kUnavailable, "this node stops"));
  return call;
}

void Questions::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  for (const auto& one : open_) {
    if (const auto handle = one.lock())
      handle->answer(make_error(ErrorCode::kUnavailable, "this node stops"));
  }
}

}  // namespace brigade::daemon

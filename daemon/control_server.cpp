#include "daemon/control_server.hpp"

#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <brigade/control/v1/control.grpc.pb.h>
#include <fmt/format.h>
#include "base/limits.hpp"
#include "daemon/watch_queue.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace control::v1;  // NOLINT: the generated messages, in this file alone

namespace {

constexpr std::chrono::milliseconds kDefaultInterval{500};
constexpr std::chrono::milliseconds kShortestInterval{50};
constexpr std::chrono::seconds kShutdownGrace{1};

/// Someone listens on this Unix socket.
bool is_served(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool answered =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return answered;
}

Result<> check_socket(const fs::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof address.sun_path)
    return make_error(ErrorCode::kBadInput,
                      fmt::format("control socket path {} has {} bytes, {} are possible: set "
                                  "'control' in node.toml to a shorter one",
                                  path, path.size(), sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  if (is_served(address))
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("control socket {} is served by another brigaded: stop it, or "
                                  "set another 'control' in node.toml",
                                  path));
  return {};
}

/// One Watch stream. gRPC calls the On… methods on its threads; the rest runs on the core strand.
/// Lives until OnDone, which nothing outlives.
class Watcher final : public grpc::ServerWriteReactor<WatchEvent>,
                      public std::enable_shared_from_this<Watcher> {
 public:
  using Status = std::function<NodeStatus()>;
  using Gone = std::function<void(const std::shared_ptr<Watcher>&)>;

  Watcher(asio::io_context& core, Status status, Gone on_gone, std::chrono::milliseconds interval)
      : core_(core),
        status_(std::move(status)),
        on_gone_(std::move(on_gone)),
        interval_(interval),
        timer_(core) {}

  void begin() {
    self_ = shared_from_this();
    send_status();
  }
  void publish(const WatchEvent& event) {
    if (is_finished_ || is_closing_) return;
    if (!queue_.push(event))
      return finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                     fmt::format("watcher too slow: {} events waited", limits::kMaxWatchQueue)});
    write_next();
  }
  void close() {
    if (is_closing_) return;
    WatchEvent last;
    *last.mutable_status() = status_();
    publish(last);
    is_closing_ = true;
    timer_.cancel();
    write_next();
  }
  void finish(const grpc::Status& status) {
    if (std::exchange(is_finished_, true)) return;
    timer_.cancel();
    Finish(status);
  }

 private:
  void OnWriteDone(bool was_written) override {
    asio::post(core_, [self = shared_from_this(), was_written] {
      self->is_writing_ = false;
      if (!was_written) return self->finish(grpc::Status::CANCELLED);
      self->write_next();
    });
  }
  void OnCancel() override {
    asio::post(core_, [self = shared_from_this()] { self->finish(grpc::Status::CANCELLED); });
  }
  void OnDone() override {
    asio::post(core_, [self = std::move(self_)] { self->on_gone_(self); });
  }

  void send_status() {
    WatchEvent event;
    *event.mutable_status() = status_();
    publish(event);
    timer_.expires_after(interval_);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (!cancelled && !self->is_finished_ && !self->is_closing_) self->send_status();
    });
  }
  void write_next() {
    if (is_writing_ || is_finished_) return;
    auto event = queue_.pop();
    if (!event) {
      if (is_closing_) finish(grpc::Status::OK);
      return;
    }
    is_writing_ = true;
    in_flight_ = std::move(*event);
    StartWrite(&in_flight_);
  }

  asio::io_context& core_;
  const Status status_;
  const Gone on_gone_;
  const std::chrono::milliseconds interval_;
  asio::steady_timer timer_;
  WatchQueue queue_{limits::kMaxWatchQueue};
  WatchEvent in_flight_;
  bool is_writing_ = false;
  bool is_closing_ = false;
  bool is_finished_ = false;
  std::shared_ptr<Watcher> self_;  // gRPC's share
};

}  // namespace

class ControlServer::Service final : public Control::CallbackService {
 public:
  Service(asio::io_context& core, Handlers handlers)
      : core_(core), handlers_(std::move(handlers)) {}

  Result<> start(const fs::path& socket) {
    BRIGADE_TRY(check_socket(socket));
    grpc::ServerBuilder builder;
    int is_bound = 0;
    builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials(),
                             &is_bound);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (!server_ || is_bound == 0 || ::chmod(socket.c_str(), 0600) != 0)
      return make_error(ErrorCode::kIo,
                        fmt::format("can't serve the control socket {}: is its folder writable?",
                                    socket.string()));
    socket_ = socket;
    return {};
  }

  void publish(const WatchEvent& event) {
    if (early_ && !early_->push(event)) early_.reset();  // nobody came: nobody misses them
    const auto watchers = watchers_;  // a cut watcher leaves the list while we walk
    for (const auto& watcher : watchers) watcher->publish(event);
  }

  void close() {
    is_closing_ = true;
    const auto watchers = watchers_;
    for (const auto& watcher : watchers) watcher->close();
  }

  void shut_down() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
    server_->Wait();
    server_.reset();
    std::error_code ignored;  // gRPC may have removed it
    fs::remove(socket_, ignored);
  }

 private:
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const GetStatusRequest*,
                                      NodeStatus* answer) override {
    auto* reactor = context->DefaultReactor();
    asio::post(core_, [this, reactor, answer] {
      *answer = handlers_.status();
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* Stop(grpc::CallbackServerContext* context, const StopRequest* request,
                                 StopResponse*) override {
    auto* reactor = context->DefaultReactor();
    std::optional<Duration> deadline;
    if (request->deadline_ms() > 0) deadline = std::chrono::milliseconds(request->deadline_ms());
    asio::post(core_, [this, reactor, deadline] {
      reactor->Finish(grpc::Status::OK);
      handlers_.stop(deadline);
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context, const DrainRequest*,
                                  DrainResponse*) override {
    return pass_on(context, handlers_.drain);
  }
  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* context, const ResumeRequest*,
                                   ResumeResponse*) override {
    return pass_on(context, handlers_.resume);
  }
  grpc::ServerUnaryReactor* Leave(grpc::CallbackServerContext* context, const LeaveRequest* request,
                                  LeaveResponse*) override {
    return pass_on(context, [this, request = *request](const Answer& answer) {
      handlers_.leave(request, answer);
    });
  }

  grpc::ServerUnaryReactor* pass_on(grpc::CallbackServerContext* context,
                                    std::function<void(Answer)> wish) {
    auto* reactor = context->DefaultReactor();
    asio::post(core_, [reactor, wish = std::move(wish)] {
      wish([reactor](const Result<>& done) {
        reactor->Finish(done.has_value() ? grpc::Status::OK
                                         : grpc::Status{grpc::StatusCode::FAILED_PRECONDITION,
                                                        done.error().message});
      });
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* Revoke(grpc::CallbackServerContext* context,
                                   const RevokeRequest* request, RevokeResponse* answer) override {
    auto* reactor = context->DefaultReactor();
    asio::post(core_, [this, reactor, request, answer] {
      auto done = handlers_.revoke(*request);
      if (done.has_error())
        return reactor->Finish({grpc::StatusCode::FAILED_PRECONDITION, done.error().message});
      *answer = std::move(*done);
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  grpc::ServerWriteReactor<WatchEvent>* Watch(grpc::CallbackServerContext*,
                                              const WatchRequest* request) override {
    const auto wanted = request->interval_ms() == 0
                            ? kDefaultInterval
                            : std::chrono::milliseconds(request->interval_ms());
    auto watcher = std::make_shared<Watcher>(
        core_, handlers_.status,
        [this](const std::shared_ptr<Watcher>& gone) { std::erase(watchers_, gone); },
        std::max(wanted, kShortestInterval));
    auto* reactor = watcher.get();
    asio::post(core_, [this, watcher = std::move(watcher)] { admit(watcher); });
    return reactor;
  }

  void admit(const std::shared_ptr<Watcher>& watcher) {
    watchers_.push_back(watcher);
    watcher->begin();
    while (auto event = early_ ? early_->pop() : std::nullopt) watcher->publish(*event);
    early_.reset();
    if (watchers_.size() > limits::kMaxWatchers)
      watcher->finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                       fmt::format("{} watchers are the most", limits::kMaxWatchers)});
    if (is_closing_) watcher->close();
  }

  asio::io_context& core_;
  const Handlers handlers_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  /// Events since the start, for the first watcher: whoever starts a daemon to watch it misses
  /// none.
  std::optional<WatchQueue> early_{std::in_place, limits::kMaxWatchQueue / 2};
  bool is_closing_ = false;
  fs::path socket_;
  std::unique_ptr<grpc::Server> server_;
};

ControlServer::ControlServer(asio::io_context& core, Handlers handlers)
    : service_(std::make_unique<Service>(core, std::move(handlers))) {}

ControlServer::~ControlServer() = default;

Result<> ControlServer::start(const fs::path& socket) {
  return service_->start(socket);
}
void ControlServer::publish(const WatchEvent& event) {
  service_->publish(event);
}
void ControlServer::close() {
  service_->close();
}
void ControlServer::shut_down() {
  service_->shut_down();
}

}  // namespace brigade::daemon

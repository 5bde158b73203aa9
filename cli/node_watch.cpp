#include "cli/node_watch.hpp"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "brigade/control/v1/control.grpc.pb.h"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

constexpr std::chrono::milliseconds kRetryPause{20};  // a daemon takes about a second to start
constexpr std::chrono::seconds kWishTimeout{5};       // it answers when it has begun
constexpr std::uint32_t kFollowIntervalMs = 200;

std::unique_ptr<control::Control::Stub> connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  // A failed try must not slow down the next one: no pool shared between channels, no proxy.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return control::Control::NewStub(
      grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
}

Error unreachable(const std::string& socket, const grpc::Status& status) {
  if (::access(socket.c_str(), F_OK) != 0) {
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("{}: no such socket: is the node running?", socket));
  }
  return make_error(ErrorCode::kUnavailable, fmt::format("{}: the node does not answer: {}", socket,
                                                         status.error_message()));
}

using Stub = control::Control::Stub;

template <class Request, class Response>
Result<> ask(const std::string& socket, const Request& request,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWishTimeout);
  Response response;
  const auto node = connect(socket);
  const grpc::Status status = ((*node).*method)(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION)
    return make_error(ErrorCode::kBadInput, status.error_message());
  if (!status.ok()) return unreachable(socket, status);
  return {};
}

}  // namespace

Result<> ask_to_drain(const std::string& socket) {
  return ask(socket, control::DrainRequest{}, &Stub::Drain);
}
Result<> ask_to_resume(const std::string& socket) {
  return ask(socket, control::ResumeRequest{}, &Stub::Resume);
}
Result<> ask_to_leave(const std::string& socket, const control::LeaveRequest& wish) {
  return ask(socket, wish, &Stub::Leave);
}

Result<> follow_status(const std::string& socket,
                       const std::function<bool(const control::NodeStatus&)>& goes_on) {
  grpc::ClientContext context;
  control::WatchRequest request;
  request.set_interval_ms(kFollowIntervalMs);
  const auto node = connect(socket);
  const auto stream = node->Watch(&context, request);
  control::WatchEvent event;
  while (stream->Read(&event)) {
    if (!event.has_status() || goes_on(event.status())) continue;
    context.TryCancel();
    while (stream->Read(&event)) continue;
    stream->Finish();
    return {};
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok() && status.error_code() != grpc::StatusCode::CANCELLED)
    return unreachable(socket, status);
  return {};
}

Result<control::NodeStatus> get_status(const std::string& socket,
                                       std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  control::NodeStatus node;
  const grpc::Status status = connect(socket)->GetStatus(&context, {}, &node);
  if (!status.ok()) return unreachable(socket, status);
  return node;
}

Result<> ask_to_stop(const std::string& socket, std::chrono::milliseconds deadline,
                     std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  control::StopRequest request;
  request.set_deadline_ms(static_cast<std::uint32_t>(deadline.count()));
  control::StopResponse response;
  const grpc::Status status = connect(socket)->Stop(&context, request, &response);
  if (!status.ok()) return unreachable(socket, status);
  return {};
}

Result<control::RevokeResponse> hand_over(const std::string& socket,
                                          const std::vector<std::string>& revocations,
                                          std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  control::RevokeRequest request;
  request.mutable_revocations()->Assign(revocations.begin(), revocations.end());
  control::RevokeResponse response;
  const grpc::Status status = connect(socket)->Revoke(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION)
    return make_error(ErrorCode::kBadInput, fmt::format("{}: {}", socket, status.error_message()));
  if (!status.ok()) return unreachable(socket, status);
  return response;
}

struct NodeWatch::Shared {
  struct Reader {
    std::thread thread;
    std::unique_ptr<grpc::ClientContext> context;  // of the stream that is open now
  };

  std::mutex mutex;
  std::condition_variable arrived;
  std::condition_variable has_room;
  std::vector<NodeEvent> queue;
  std::list<Reader> readers;
  bool is_closing = false;

  void push(NodeEvent event) {
    std::unique_lock lock(mutex);
    has_room.wait(lock, [&] { return is_closing || queue.size() < kMaxQueued; });
    queue.push_back(std::move(event));
    arrived.notify_one();
  }

  // False once close() was called; else `reader` has a fresh context that close() can cancel.
  bool renew(Reader& reader) {
    const std::lock_guard lock(mutex);
    if (is_closing) return false;
    reader.context = std::make_unique<grpc::ClientContext>();
    return true;
  }

  void read(Reader& reader, std::uint32_t stage, const std::string& socket,
            std::chrono::milliseconds interval) {
    control::WatchRequest request;
    request.set_interval_ms(static_cast<std::uint32_t>(interval.count()));
    while (renew(reader)) {
      if (::access(socket.c_str(), F_OK) == 0) {
        const auto stub = connect(socket);
        const auto stream = stub->Watch(reader.context.get(), request);
        control::WatchEvent event;
        while (stream->Read(&event)) push({stage, std::exchange(event, {})});
        stream->Finish();
      }
      std::unique_lock lock(mutex);
      has_room.wait_for(lock, kRetryPause, [&] { return is_closing; });
    }
  }
};

NodeWatch::NodeWatch() : shared_(std::make_unique<Shared>()) {}

NodeWatch::~NodeWatch() {
  close();
}

void NodeWatch::add(std::uint32_t stage, const std::string& socket,
                    std::chrono::milliseconds interval) {
  const std::lock_guard lock(shared_->mutex);
  Shared::Reader& reader = shared_->readers.emplace_back();
  reader.thread = std::thread([shared = shared_.get(), &reader, stage, socket, interval] {
    shared->read(reader, stage, socket, interval);
  });
}

std::vector<NodeEvent> NodeWatch::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(shared_->mutex);
  shared_->arrived.wait_for(lock, timeout, [&] { return !shared_->queue.empty(); });
  std::vector<NodeEvent> events;
  events.swap(shared_->queue);
  shared_->has_room.notify_all();
  return events;
}

void NodeWatch::close() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_closing = true;
    for (Shared::Reader& reader : shared_->readers) {
      if (reader.context) reader.context->TryCancel();
    }
    shared_->has_room.notify_all();
  }
  for (Shared::Reader& reader : shared_->readers) {
    if (reader.thread.joinable()) reader.thread.join();
  }
}

}  // namespace brigade::cli

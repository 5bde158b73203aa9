#include "daemon/grpc_port.hpp"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server_builder.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <utility>

#include "daemon/address.hpp"
#include "daemon/grpc_ask.hpp"
#include "daemon/grpc_settings.hpp"
#include "daemon/relay/relay.hpp"
#include "daemon/relay/tunnel.hpp"

namespace brigade::daemon {

namespace {

constexpr int kMaxStreamsPerConnection = 4;  // one link, and room for a dial while it dies
constexpr int kTlsHandshakeMs = 10'000;
constexpr char kMethod[] = "/brigade.v1.Link/Stream";

class DialPort final : public StreamPort,
                       public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit DialPort(Dial dial) : dial_(std::move(dial)), verdict_(std::make_shared<DialVerdict>()) {
    channel_ = grpc::CreateCustomChannel(
        dial_.address, make_dial_credentials(dial_.identity, dial_.peer, verdict_),
        dial_arguments());
    stub_ = std::make_unique<grpc::GenericStub>(channel_);
    dial_.live->enter();
  }

  void start() {
    stub_->PrepareBidiStreamingCall(&context_, kMethod, {}, this);
    AddHold();
    dial_.stream->open(*this);
    StartCall();
  }

  void start_read(grpc::ByteBuffer* into) override { StartRead(into); }
  void start_write(const grpc::ByteBuffer* from) override { StartWrite(from); }
  void half_close() override { StartWritesDone(); }
  void release() override { RemoveHold(); }
  void cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override { dial_.stream->on_read_done(ok); }
  void OnWriteDone(bool ok) override { dial_.stream->on_write_done(ok); }
  void OnDone(const grpc::Status& status) override {
    dial_.stream->on_done(reason_of(status));
    const std::shared_ptr<LiveReactors> live = dial_.live;
    std::shared_ptr<grpc::Channel> channel = channel_;
    delete this;
    live->leave(std::move(channel));
  }

 private:
  std::string reason_of(const grpc::Status& status) const {
    switch (verdict_->state()) {
      case DialVerdict::State::kRefused:
        return fmt::format("refused the node at {}: {}", dial_.address, verdict_->reason());
      case DialVerdict::State::kUnknown:
        return fmt::format("cannot reach {}: {}", dial_.address, innermost(status.error_message()));
      case DialVerdict::State::kAccepted:
        break;
    }
    if (status.ok()) return "the peer closed the stream";
    if (dial_.stream->frames_received() > 0) {
      return "connection lost: " + innermost(status.error_message());
    }
    return fmt::format(
        "{} ended the connection before its hello ({}): is this node's id in its [[peers]]?",
        dial_.address, innermost(status.error_message()));
  }

  Dial dial_;
  std::shared_ptr<DialVerdict> verdict_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
};

class AcceptedPort final : public StreamPort, public grpc::ServerGenericBidiReactor {
 public:
  AcceptedPort(grpc::CallbackServerContext& context, StreamPtr stream,
               std::shared_ptr<LiveReactors> live)
      : context_(context), stream_(std::move(stream)), live_(std::move(live)) {
    live_->enter();
    stream_->open(*this);
  }

  void start_read(grpc::ByteBuffer* into) override { StartRead(into); }
  void start_write(const grpc::ByteBuffer* from) override { StartWrite(from); }
  void half_close() override {}
  void release() override { Finish(grpc::Status::OK); }
  void cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override { stream_->on_read_done(ok); }
  void OnWriteDone(bool ok) override { stream_->on_write_done(ok); }
  void OnDone() override {
    stream_->on_done("connection lost: the peer ended it");
    const std::shared_ptr<LiveReactors> live = live_;
    delete this;
    live->leave();
  }

 private:
  grpc::CallbackServerContext& context_;
  StreamPtr stream_;
  std::shared_ptr<LiveReactors> live_;
};

class TurnedAway final : public grpc::ServerGenericBidiReactor {
 public:
  explicit TurnedAway(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

/// Why an address cannot be listened on: gRPC only says that it cannot.
std::string reason_of_no_port(const std::string& address) {
  namespace asio = boost::asio;
  const Result<HostPort> parts = split_address(address);
  if (parts.has_error()) return parts.error().message;
  boost::system::error_code error;
  asio::io_context context;
  asio::ip::tcp::resolver resolver(context);
  const auto found = resolver.resolve(parts->host, std::to_string(parts->port),
                                      asio::ip::resolver_base::passive, error);
  if (error) return error.message();
  const asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
  asio::ip::tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  return error ? error.message() : "the system refused";
}

}  // namespace

void LiveReactors::enter() {
  const std::lock_guard lock(mutex_);
  ++count_;
}

void LiveReactors::leave(std::shared_ptr<grpc::Channel> channel) {
  const std::lock_guard lock(mutex_);
  if (channel) ended_.push_back(std::move(channel));
  --count_;
  changed_.notify_all();
}

void LiveReactors::release_channels() {
  std::vector<std::shared_ptr<grpc::Channel>> ended;
  const std::lock_guard lock(mutex_);
  ended.swap(ended_);  // destroyed after the lock is given back
}

bool LiveReactors::wait_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return count_ == 0; });
}

void start_dial(Dial dial) {
  quiet_grpc();
  auto* port = new DialPort(std::move(dial));  // deletes itself when gRPC is done with it
  port->start();
}

class Acceptor::Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(Setup setup) : setup_(std::move(setup)) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const bool asks = setup_.questions && is_question(context->method());
    const bool tunnels = setup_.relay && context->method() == kTunnelMethod;
    if (context->method() != kMethod && !asks && !tunnels) {
      return new TurnedAway({grpc::StatusCode::UNIMPLEMENTED, "no such service"});
    }
    const Result<NodeId> peer = node_id_of_peer(*context->auth_context());
    if (peer.has_error()) {
      return new TurnedAway({grpc::StatusCode::UNAUTHENTICATED, peer.error().message});
    }
    if (tunnels) return setup_.relay->take(*context, *peer);
    if (asks) return setup_.questions->take(*context, *peer);
    StreamPtr stream = setup_.make_stream(*peer);
    if (!stream) return new TurnedAway({grpc::StatusCode::UNAVAILABLE, "not now"});
    return new AcceptedPort(*context, std::move(stream), setup_.live);
  }

 private:
  Setup setup_;
};

Acceptor::Acceptor(std::unique_ptr<Service> service, std::unique_ptr<grpc::Server> server, int port)
    : service_(std::move(service)), server_(std::move(server)), port_(port) {}

Acceptor::~Acceptor() = default;

Result<std::unique_ptr<Acceptor>> Acceptor::start(Setup setup) {
  quiet_grpc();
  const std::string address = setup.address;
  grpc::ServerBuilder builder;
  set_arguments([&](const char* name, int value) { builder.AddChannelArgument(name, value); });
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port in use is an error
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kTlsHandshakeMs);
  int port = 0;
  if (!address.empty()) {
    builder.AddListeningPort(address, make_server_credentials(setup.identity, setup.policy), &port);
  }
  if (!setup.local_address.empty()) {
    builder.AddListeningPort(setup.local_address,
                             make_server_credentials(setup.identity, setup.policy));
  }
  auto service = std::make_unique<Service>(std::move(setup));
  builder.RegisterCallbackGenericService(service.get());
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || (port == 0 && !address.empty())) {
    return make_error(ErrorCode::kIo,
                      fmt::format("cannot listen on {}: {}: choose another address in `listen`",
                                  address, reason_of_no_port(address)));
  }
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(service), std::move(server), port));
}

void Acceptor::shutdown(std::chrono::system_clock::time_point deadline) {
  server_->Shutdown(deadline);
}

}  // namespace brigade::daemon

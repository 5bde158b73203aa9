#include "daemon/relay/tunnels.hpp"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <random>
#include <utility>
#include <vector>

#include "daemon/grpc_settings.hpp"
#include "daemon/relay/tunnel.hpp"
#include "daemon/tls.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

constexpr std::string_view kScheme = "unix-abstract:";
constexpr std::chrono::seconds kDialLimit{10};

Local::endpoint to_endpoint(const std::string& address) {
  return Local::endpoint(std::string(1, '\0') + address.substr(kScheme.size()));
}

}  // namespace

/// What all ends need.
struct Tunnels::Shared {
  Identity identity;
  std::shared_ptr<LiveReactors> live;
};

/// Bytes both ways. Kept alive by gRPC until OnDone, and by what waits on the thread.
class Tunnels::Pump final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public std::enable_shared_from_this<Pump> {
 public:
  Pump(const Shared& shared, asio::any_io_executor executor, const RelayAddress& relay,
       const TunnelRequest& request)
      : executor_(std::move(executor)),
        live_(shared.live),
        request_bytes_(to_bytes(request)),
        socket_(executor_),
        channel_(grpc::CreateCustomChannel(
            relay.address,
            make_dial_credentials(shared.identity, relay.node, std::make_shared<DialVerdict>()),
            dial_arguments())),
        stub_(channel_) {}

  /// The caller: bytes of a connection that is there.
  void start(Local::socket connection) {
    socket_ = std::move(connection);
    is_connected_ = true;
    call();
  }
  /// The callee: connects once the tunnel is open.
  void start(const std::string& own) {
    own_ = own;
    call();
  }

  /// On the thread.
  void close() {
    if (std::exchange(is_closed_, true)) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    context_.TryCancel();
    RemoveHold();
  }

  void OnReadDone(bool ok) override {
    asio::post(executor_, [self = shared_from_this(), ok] { self->on_read(ok); });
  }
  void OnWriteDone(bool ok) override {
    asio::post(executor_, [self = shared_from_this(), ok] { self->on_written(ok); });
  }
  void OnDone(const grpc::Status&) override {
    const std::shared_ptr<LiveReactors> live = live_;
    std::shared_ptr<grpc::Channel> channel = channel_;
    asio::post(executor_, [self = std::move(self_)] { self->close(); });
    live->leave(std::move(channel));
  }

 private:
  void call() {
    self_ = shared_from_this();
    live_->enter();
    stub_.PrepareBidiStreamingCall(&context_, kTunnelMethod, {}, this);
    AddHold();
    StartCall();
    out_ = buffer_of(request_bytes_.data(), request_bytes_.size());
    StartWrite(&out_);
    StartRead(&in_);
  }

  static grpc::ByteBuffer buffer_of(const char* bytes, std::size_t size) {
    const grpc::Slice slice(bytes, size);
    return {&slice, 1};
  }

  void on_read(bool ok) {
    if (!ok || is_closed_) return close();
    if (!std::exchange(is_open_, true)) return on_open();
    arrived_ = to_string(in_);
    asio::async_write(socket_, asio::buffer(arrived_),
                      [self = shared_from_this()](boost::system::error_code failure, std::size_t) {
                        if (failure) return self->close();
                        self->read_on();
                      });
  }
  void on_open() {
    if (!is_connected_) {
      boost::system::error_code failure;
      socket_.connect(to_endpoint(own_), failure);
      if (failure) return close();
      is_connected_ = true;
    }
    read_on();
    if (has_asked_) take_local();
  }
  void read_on() {
    if (!is_closed_) StartRead(&in_);
  }
  void on_written(bool ok) {
    if (!ok) return close();
    has_asked_ = true;
    if (is_open_) take_local();
  }
  void take_local() {
    if (is_closed_) return;
    socket_.async_read_some(
        asio::buffer(taken_),
        [self = shared_from_this()](boost::system::error_code failure, std::size_t size) {
          if (failure || self->is_closed_) return self->close();
          self->out_ = buffer_of(self->taken_.data(), size);
          self->StartWrite(&self->out_);
        });
  }
  asio::any_io_executor executor_;
  std::shared_ptr<LiveReactors> live_;
  std::shared_ptr<Pump> self_;  // until gRPC is done with it
  std::string request_bytes_;
  std::string own_;
  Local::socket socket_;
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  std::string arrived_;
  std::array<char, kTunnelPiece> taken_{};
  bool is_connected_ = false;
  bool is_open_ = false;
  bool has_asked_ = false;
  bool is_closed_ = false;
};

/// Waits for the one connection that opens the tunnel.
class Tunnels::Entrance : public std::enable_shared_from_this<Entrance> {
 public:
  using OnConnection = std::function<void(Local::socket)>;
  Entrance(const asio::any_io_executor& executor, OnConnection on_connection)
      : on_connection_(std::move(on_connection)), acceptor_(executor), timer_(executor) {}

  Result<> listen(const std::string& address) {
    boost::system::error_code failure;
    acceptor_.open(Local(), failure);
    if (!failure) acceptor_.bind(to_endpoint(address), failure);
    if (!failure) acceptor_.listen(1, failure);
    if (failure) {
      return make_error(ErrorCode::kIo,
                        fmt::format("no local socket for a tunnel: {}", failure.message()));
    }
    return {};
  }
  /// On the thread.
  void wait() {
    acceptor_.async_accept(
        [self = shared_from_this()](boost::system::error_code refused, Local::socket connection) {
          self->close();
          if (!refused) self->on_connection_(std::move(connection));
        });
    timer_.expires_after(kDialLimit);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) self->close();
    });
  }
  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
  }

 private:
  OnConnection on_connection_;
  Local::acceptor acceptor_;
  asio::steady_timer timer_;
};

Tunnels::Tunnels(Identity identity, std::shared_ptr<LiveReactors> live)
    : shared_(std::make_shared<Shared>(Shared{std::move(identity), std::move(live)})) {}

Tunnels::~Tunnels() {
  stop();
}

Result<std::string> Tunnels::open(const RelayAddress& relay, const NodeId& callee) {
  const std::string address = make_local_address();
  const auto executor = thread_.get_executor();
  const auto entrance = std::make_shared<Entrance>(executor, [this, executor, relay,
                                                              callee](Local::socket connection) {
    if (!has_room()) return;
    const auto pump = std::make_shared<Pump>(*shared_, executor, relay, TunnelRequest{callee, 0});
    pumps_.push_back(pump);
    pump->start(std::move(connection));
  });
  BRIGADE_TRY(entrance->listen(address));
  asio::post(thread_, [this, entrance] {
    std::erase_if(entrances_, [](const auto& old) { return old.expired(); });
    entrances_.push_back(entrance);
    if (!is_stopped_) entrance->wait();
  });
  return address;
}

void Tunnels::answer(const RelayAddress& relay, std::uint64_t tunnel, const std::string& own) {
  asio::post(thread_, [this, relay, tunnel, own] {
    if (!has_room()) return;
    const auto pump = std::make_shared<Pump>(*shared_, thread_.get_executor(), relay,
                                             TunnelRequest{std::nullopt, tunnel});
    pumps_.push_back(pump);
    pump->start(own);
  });
}

/// On the thread.
bool Tunnels::has_room() {
  std::erase_if(pumps_, [](const auto& old) { return old.expired(); });
  return !is_stopped_ && pumps_.size() < kMost;
}

void Tunnels::stop() {
  asio::post(thread_, [this] {
    is_stopped_ = true;
    for (const auto& entrance : entrances_)
      if (const auto open = entrance.lock()) open->close();
    for (const auto& pump : pumps_)
      if (const auto running = pump.lock()) running->close();
  });
  thread_.join();
}

bool is_local_address(const std::string& address) {
  return address.starts_with(kScheme);
}

std::string make_local_address() {
  std::random_device random;
  const std::uint64_t high = random();
  return fmt::format("{}brigade-{:08x}{:08x}", kScheme, high, random());
}

}  // namespace brigade::daemon

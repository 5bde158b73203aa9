// Any sequence of frames on one stream: u16 length, bytes, and again. Whatever comes, the listener
// hears nothing before a hello, nothing after the end, and of the end once.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>

#include "daemon/handshake.hpp"
#include "daemon/stream.hpp"

namespace {

using namespace brigade;
using namespace brigade::daemon;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Listener final : StreamListener {
  void on_hello(const StreamPtr& stream, const Hello& hello) override {
    require(hellos == 0 && ends == 0);
    ++hellos;
    if (check_hello({NodeId{}, Hello{}}, {stream->peer(), hello}, StageIndex(0)).has_error()) {
      stream->close("refused");
      is_closed = true;
      return;
    }
    stream->accept_hello(hello);
    stream->send(Hello{}, std::nullopt);
  }
  void on_message(const StreamPtr&, swarm::Message, std::optional<PayloadData> payload) override {
    require(hellos == 1 && ends == 0 && !is_closed);
    if (payload) require(payload->shape.total_bytes() == payload->bytes.size());
  }
  void on_gossip(const StreamPtr&, std::string bytes) override {
    require(bytes.size() <= limits::kMaxFrameHeaderBytes);
  }
  void on_relay_call(const StreamPtr&, const RelayCall&) override {}
  void on_closed(const StreamPtr&, CloseKind, const std::string& reason) override {
    require(!reason.empty() && !is_closed);
    require(std::all_of(reason.begin(), reason.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    ++ends;
    require(ends == 1);
  }
  int hellos = 0;
  int ends = 0;
  bool is_closed = false;
};

struct Port final : StreamPort {
  void start_read(grpc::ByteBuffer* into) override {
    require(!is_released && incoming == nullptr);
    incoming = into;
  }
  void start_write(const grpc::ByteBuffer*) override {
    require(!is_released && !is_writing);
    is_writing = true;
  }
  void half_close() override { require(!is_released); }
  void release() override {
    require(!is_released);
    is_released = true;
  }
  void cancel() override {}

  grpc::ByteBuffer* incoming = nullptr;
  bool is_writing = false;
  bool is_released = false;
};

struct Session {
  void drain() {
    while (port.is_writing) {
      port.is_writing = false;
      stream->on_write_done(true);
    }
    strand.restart();
    strand.run();
  }
  void receive(const std::uint8_t* data, std::size_t size) {
    const grpc::Slice slice(data, size);
    *port.incoming = grpc::ByteBuffer(&slice, 1);
    port.incoming = nullptr;
    stream->on_read_done(true);
  }

  boost::asio::io_context strand;
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();
  Port port;
  StreamPtr stream = std::make_shared<Stream>(Stream::Setup{
      NodeId{}, false, strand.get_executor(), {}, listener, std::make_shared<StreamCounters>()});
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Session session;
  session.stream->open(session.port);
  while (size >= 2 && session.port.incoming != nullptr) {
    const std::size_t length = std::min<std::size_t>(data[0] + 256u * data[1], size - 2);
    session.receive(data + 2, length);
    // The strand lags behind the network now and then.
    if (length % 3 != 0) session.drain();
    data += 2 + length;
    size -= 2 + length;
  }
  session.drain();
  if (session.port.incoming != nullptr) session.stream->on_read_done(false);
  session.drain();
  require(session.port.is_released);
  session.stream->on_done("ended");
  session.drain();
  require(session.listener->ends == (session.listener->is_closed ? 0 : 1));
  return 0;
}

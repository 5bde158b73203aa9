// A stream without gRPC: the test plays the network by hand.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "daemon/stream.hpp"

namespace brigade::daemon::testing {

struct FakePort final : StreamPort {
  void start_read(grpc::ByteBuffer* into) override {
    is_reading = true;
    incoming = into;
  }
  void start_write(const grpc::ByteBuffer* from) override {
    is_writing = true;
    written.push_back(*from);
  }
  void half_close() override { is_half_closed = true; }
  void release() override { is_released = true; }
  void cancel() override { is_cancelled = true; }

  /// The reason of the last frame written, if that was a Goodbye.
  std::string goodbye() const {
    if (written.empty()) return {};
    const ParsedFrame frame = parse_frame(written.back()).value();
    const auto* goodbye = std::get_if<Goodbye>(&frame.body);
    return goodbye != nullptr ? goodbye->reason : std::string();
  }

  bool is_reading = false;
  bool is_writing = false;
  bool is_half_closed = false;
  bool is_released = false;
  bool is_cancelled = false;
  grpc::ByteBuffer* incoming = nullptr;
  std::vector<grpc::ByteBuffer> written;
};

struct RecordingListener final : StreamListener {
  void on_hello(const StreamPtr&, const Hello&) override { ++hellos; }
  void on_message(const StreamPtr&, swarm::Message message,
                  std::optional<PayloadData> payload) override {
    messages.push_back(std::move(message));
    payloads.push_back(std::move(payload));
  }
  void on_gossip(const StreamPtr&, std::string bytes) override { gossip.push_back(bytes); }
  void on_relay_call(const StreamPtr&, const RelayCall& call) override { calls.push_back(call); }
  void on_closed(const StreamPtr&, CloseKind how, const std::string& why) override {
    ++closed;
    kind = how;
    reason = why;
  }

  int hellos = 0;
  int closed = 0;
  CloseKind kind{};
  std::string reason;
  std::vector<std::string> gossip;
  std::vector<RelayCall> calls;
  std::vector<swarm::Message> messages;
  std::vector<std::optional<PayloadData>> payloads;
};

struct FakeLink {
  explicit FakeLink(bool is_dialled = false) {
    stream = std::make_shared<Stream>(
        Stream::Setup{NodeId{}, is_dialled, strand.get_executor(), {}, listener, counters});
    stream->open(port);
  }
  ~FakeLink() {
    if (!stream->is_done()) stream->on_done("ended by the test");
    run_strand();
  }

  /// A frame arrives, if the stream reads.
  void receive_without_strand(const grpc::ByteBuffer& frame) {
    if (!port.is_reading) return;
    port.is_reading = false;
    *port.incoming = frame;
    stream->on_read_done(true);
  }
  void receive(const grpc::ByteBuffer& frame) {
    receive_without_strand(frame);
    run_strand();
  }
  void run_strand() {
    strand.restart();
    strand.run();
  }
  /// All writes succeed.
  void flush() {
    while (port.is_writing) {
      port.is_writing = false;
      stream->on_write_done(true);
    }
  }
  void end() {
    stream->on_done("ended by the test");
    run_strand();
  }

  boost::asio::io_context strand;
  std::shared_ptr<RecordingListener> listener = std::make_shared<RecordingListener>();
  std::shared_ptr<StreamCounters> counters = std::make_shared<StreamCounters>();
  FakePort port;
  StreamPtr stream;
};

}  // namespace brigade::daemon::testing

// One gRPC stream with a peer, whichever end dialled it: reads frames, checks them, puts payloads
// together, writes what is queued, one frame at a time and the most urgent first.
//
// Life: made by an acceptor or a dial, bound to a port (gRPC's half), told `on_done` when gRPC is
// through with it. The listener hears of frames on the core strand and of the end exactly once,
// unless detach() came first.
// Threading: gRPC's threads run on_*_done; the strand calls the rest; one lock between them, held
// for moments and never while a listener runs.
// Bounds: a peer gets no more than kMaxReceiveBacklogBytes ahead of the strand; then the stream
// stops reading until the strand has caught up.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/frame.hpp"
#include "daemon/send_queue.hpp"

namespace brigade::daemon {

class Stream;
using StreamPtr = std::shared_ptr<Stream>;

/// gRPC's half of a stream: the reactor of a dial or of an accepted call.
class StreamPort {
 public:
  virtual ~StreamPort() = default;
  virtual void start_read(grpc::ByteBuffer* into) = 0;
  virtual void start_write(const grpc::ByteBuffer* from) = 0;
  /// Of a dialled stream: no more writes from here; the peer ends the stream then.
  virtual void half_close() = 0;
  /// Ends an accepted stream; of a dialled one that the peer has ended, lets go. No operation is
  /// started after this, and the port tells `on_done`.
  virtual void release() = 0;
  /// Makes everything outstanding fail. May be called until the stream is done.
  virtual void cancel() = 0;
};

/// Counted by all streams of a transport; read by anybody.
struct StreamCounters {
  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> frames_sent{0};
  std::atomic<std::uint64_t> frames_received{0};
  std::atomic<std::uint64_t> frames_refused{0};
  std::atomic<std::uint64_t> messages_dropped{0};
};

enum class CloseKind : std::uint8_t {
  kLost,        // the connection or the call ended
  kPeerClosed,  // the peer said why
  kRefused,     // a frame of the peer broke a rule
};

/// Called on the core strand.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  virtual void on_hello(const StreamPtr& stream, const Hello& hello) = 0;
  virtual void on_message(const StreamPtr& stream, swarm::Message message,
                          std::optional<PayloadData> payload) = 0;
  virtual void on_gossip(const StreamPtr& stream, std::string bytes) = 0;
  virtual void on_relay_call(const StreamPtr& stream, const RelayCall& call) = 0;
  /// `reason` is one line.
  virtual void on_closed(const StreamPtr& stream, CloseKind kind, const std::string& reason) = 0;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  struct Setup {
    NodeId peer;
    bool is_dialled = false;  // by this node
    boost::asio::any_io_executor executor;
    boost::asio::any_io_executor writer;  // starts large writes of the strand; empty: the strand
    std::weak_ptr<StreamListener> listener;
    std::shared_ptr<StreamCounters> counters;
    std::size_t queue_bytes = limits::kMaxLinkQueueBytes;
  };
  explicit Stream(Setup setup);

  const NodeId& peer() const { return setup_.peer; }
  bool is_dialled() const { return setup_.is_dialled; }

  // The strand's side.
  /// False if it was refused at the queue's bound, or the stream is closing.
  bool send(const FrameBody& body, std::optional<PayloadData> payload);
  /// Adapts the length of parts to what the peer's Hello allows.
  void accept_hello(const Hello& hello);
  void ping();
  /// Writes what is queued and a Goodbye, then ends; the listener hears no more of it.
  void close(const std::string& reason);
  /// Ends at once; the listener hears no more of it.
  void abandon();
  /// Breaks off a stream that does not end by itself.
  void cancel();

  bool is_done() const { return is_done_; }
  std::uint64_t frames_received() const { return frames_received_; }
  double round_trip_ms() const { return round_trip_ms_; }   // 0: not measured yet
  std::uint64_t bytes_sent() const { return bytes_sent_; }  // of whole frames
  std::uint64_t bytes_received() const { return bytes_received_; }

  // The port's side.
  void open(StreamPort& port);
  void on_read_done(bool ok);
  void on_write_done(bool ok);
  /// `why`: how a broken stream ended, for the listener.
  void on_done(const std::string& why);

 private:
  Result<> take_frame();
  Result<> take_body(ParsedFrame frame);
  Result<> take_message(ParsedFrame frame);
  Result<> take_part(swarm::Direction direction, const ParsedFrame& frame);
  void deliver(swarm::Message message, std::optional<PayloadData> payload, std::uint64_t bytes);
  /// On the strand, counted until it was done there; nothing if the listener wants no more.
  template <class Tell>
  void post_counted(std::uint64_t bytes, Tell tell);
  void take_pong(const Pong& pong);
  void delivered(std::uint64_t bytes);

  bool take_next();                                        // lock held; false: nothing to write
  void write_next();                                       // lock held
  void write_next_elsewhere();                             // lock held
  void read_next();                                        // lock held
  void begin_closing();                                    // lock held
  void finish_if_idle();                                   // lock held
  void report_closed(CloseKind kind, std::string reason);  // at most once, by posting

  Setup setup_;
  std::mutex mutex_;
  StreamPort* port_ = nullptr;  // until done
  SendQueue queue_;
  SendQueue::Frame writing_frame_;
  grpc::ByteBuffer read_buffer_;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_read_ended_ = false;
  bool is_closing_ = false;
  bool is_half_closed_ = false;
  bool is_released_ = false;
  std::uint64_t backlog_bytes_ = 0;  // posted, not yet handled by the strand
  std::uint64_t backlog_frames_ = 0;

  // Read side: touched by one gRPC thread at a time.
  bool has_hello_ = false;
  struct Unfinished {
    PayloadAssembler payload;
    swarm::Message message;
  };
  std::array<Unfinished, 2> unfinished_;  // by direction

  std::atomic<bool> is_done_{false};
  std::atomic<bool> is_detached_{false};  // the listener wants no more
  std::atomic<bool> is_reported_{false};
  std::atomic<std::uint64_t> frames_received_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> bytes_received_{0};
  std::atomic<std::uint64_t> ping_token_{0};
  std::atomic<double> round_trip_ms_{0};
};

}  // namespace brigade::daemon

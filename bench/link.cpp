// bench-link: bytes a second over one link on loopback, with mutual TLS, checksums and the real
// transport at both ends, and how long a small message takes while the link is full.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/grpc_transport.hpp"

namespace {

using namespace brigade;
using namespace brigade::daemon;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kRun{3};
constexpr std::size_t kInFlightBytes = 32u * 1024 * 1024;  // queued or on the wire

/// A transport with a thread of its own as its strand.
struct Node {
  explicit Node(TransportOptions options, TransportCallbacks callbacks)
      : work(context.get_executor()),
        transport(
            make_grpc_transport(std::move(options), context.get_executor(), std::move(callbacks))) {
    if (const Result<> started = transport->start(); started.has_error()) {
      fmt::print(stderr, "bench-link: {}\n", started.error().message);
      std::exit(1);
    }
    thread = std::thread([this] { context.run(); });
  }
  ~Node() {
    boost::asio::post(context, [this] {
      transport->stop();
      context.stop();
    });
    thread.join();
  }

  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  std::unique_ptr<Transport> transport;
  std::thread thread;
};

struct Arrivals {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t inputs = 0;
  std::size_t receipts = 0;
  bool is_linked = false;

  template <class Edit>
  void change(Edit edit) {
    const std::lock_guard lock(mutex);
    edit(*this);
    changed.notify_all();
  }
  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return condition(*this); });
  }
};

PayloadData payload_of(std::uint32_t tokens) {
  PayloadData payload;
  payload.shape = {Codec::kFp32, 1, tokens, 1024, true};
  PayloadBuffer buffer(payload.shape.total_bytes());
  std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{0x5a});
  payload.checksum = payload_checksum(buffer.bytes());
  payload.bytes = std::move(buffer).into_slice();
  return payload;
}

void run(Node& sender, const NodeId& receiver, Arrivals& arrivals, std::uint32_t tokens) {
  const PayloadData payload = payload_of(tokens);
  const std::size_t most = std::max<std::size_t>(2, kInFlightBytes / payload.bytes.size());
  std::size_t sent = 0;
  std::vector<double> waits_ms;
  arrivals.change([](Arrivals& a) { a.inputs = a.receipts = 0; });
  const auto post = [&](swarm::Message message, std::optional<PayloadData> bytes) {
    boost::asio::post(sender.context,
                      [&sender, &receiver, message = std::move(message), bytes = std::move(bytes)] {
                        sender.transport->send(receiver, message, bytes);
                      });
  };
  const Clock::time_point begin = Clock::now();
  while (Clock::now() - begin < kRun) {
    arrivals.wait([&](const Arrivals& a) { return sent - a.inputs < most; });
    post(swarm::Forward{}, payload);
    ++sent;
    if (sent % most != 0) continue;
    const Clock::time_point asked = Clock::now();
    post(swarm::Receipt{}, std::nullopt);
    arrivals.wait([&](const Arrivals& a) { return a.receipts > waits_ms.size(); });
    waits_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked).count());
  }
  arrivals.wait([&](const Arrivals& a) { return a.inputs == sent; });
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const double bytes = static_cast<double>(sent) * static_cast<double>(payload.bytes.size());
  std::sort(waits_ms.begin(), waits_ms.end());
  const double median = waits_ms.empty() ? 0 : waits_ms[waits_ms.size() / 2];
  fmt::print("{:>10.2f} MB {:>10} {:>12.0f} {:>22.1f}\n",
             static_cast<double>(payload.bytes.size()) * 1e-6, sent, bytes * 1e-6 / seconds,
             median);
}

}  // namespace

int main() {
  const Identity first = make_identity().value();
  const Identity second = make_identity().value();
  Arrivals arrivals;

  TransportOptions listening;
  listening.identity = second;
  listening.stage = StageIndex(1);
  listening.listen = "127.0.0.1:0";
  listening.peers = {{first.id, "", StageIndex(0)}};
  TransportCallbacks receiving;
  receiving.on_message = [&](const NodeId&, swarm::Message message, std::optional<PayloadData>) {
    const bool is_input = std::holds_alternative<swarm::Forward>(message);
    arrivals.change([&](Arrivals& a) { ++(is_input ? a.inputs : a.receipts); });
  };
  Node receiver(listening, receiving);

  TransportOptions dialling;
  dialling.identity = first;
  dialling.stage = StageIndex(0);
  dialling.peers = {{second.id, receiver.transport->listen_address(), StageIndex(1)}};
  TransportCallbacks sending;
  sending.on_link_up = [&](const PeerAddress&) {
    arrivals.change([](Arrivals& a) { a.is_linked = true; });
  };
  Node sender(dialling, sending);
  arrivals.wait([](const Arrivals& a) { return a.is_linked; });

  fmt::print("one link on loopback, mutual TLS 1.3, checksums on, both ends on this machine\n");
  fmt::print("{:>13} {:>10} {:>12} {:>22}\n", "payload", "sent", "MB/s", "receipt overtakes, ms");
  for (const std::uint32_t tokens : {16u, 128u, 1536u}) run(sender, second.id, arrivals, tokens);
  return 0;
}

// All links of this node: streams that come and go, what they are once both Hellos were exchanged,
// and when to dial, ping and give up. What it keeps to is said in grpc_transport.hpp.
//
// Threading: core strand; shared, so that what gRPC's threads post finds it or finds it gone.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/grpc_ask.hpp"
#include "daemon/grpc_port.hpp"
#include "daemon/grpc_transport.hpp"
#include "daemon/handshake.hpp"
#include "daemon/relay/relay.hpp"
#include "daemon/relay/tunnels.hpp"
#include "daemon/stream.hpp"
#include "daemon/warning_budget.hpp"

namespace brigade::daemon {

class Links final : public StreamListener, public std::enable_shared_from_this<Links> {
 public:
  Links(TransportOptions options, boost::asio::any_io_executor executor,
        TransportCallbacks callbacks);

  Result<> start();
  void stop();
  void send(const NodeId& to, const swarm::Message& message, std::optional<PayloadData> payload);
  void send_gossip(const NodeId& to, std::string bytes);
  void dial_member(const NodeId& member, const std::string& address);
  void dial_through(const NodeId& member, const RelayAddress& relay);
  Result<std::string> open_way(const NodeId& member, const RelayAddress& relay);
  void drop(const NodeId& member, const std::string& reason);
  std::vector<LinkInfo> links() const;
  TransportCounters counters() const;
  std::string listen_address() const { return listen_address_; }

  void on_hello(const StreamPtr& stream, const Hello& hello) override;
  void on_message(const StreamPtr& stream, swarm::Message message,
                  std::optional<PayloadData> payload) override;
  void on_gossip(const StreamPtr& stream, std::string bytes) override;
  void on_relay_call(const StreamPtr& stream, const RelayCall& call) override;
  void on_closed(const StreamPtr& stream, CloseKind kind, const std::string& reason) override;

 private:
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  struct PeerState {
    PeerState(PeerAddress where, Redial pauses) : address(std::move(where)), redial(pauses) {}

    PeerAddress address;
    Redial redial;
    bool is_pinned = true;  // else a member: forgotten once there is neither link nor dial
    std::string last_error;

    StreamPtr link;  // both Hellos accepted
    Codec codec = Codec::kFp32;
    Clock::time_point linked_at;
    Clock::time_point heard_at;
    Clock::time_point pinged_at;
    std::uint64_t frames_seen = 0;

    StreamPtr dial;  // ours, no Hello yet
    Clock::time_point dialled_at;
    Clock::time_point next_dial;
  };

  /// A stream that is no link: accepted and not introduced yet, or on its way out.
  struct Guest {
    StreamPtr stream;
    Clock::time_point since;
  };

  StreamPtr make_stream(const NodeId& peer, bool is_dialled);
  Result<> listen();
  void make_doors();
  void pass_on(const Relay::Call& call);
  void adopt(const StreamPtr& stream);
  void schedule_tick();
  void tick();
  void tick_peer(PeerState& peer, Clock::time_point now);
  void tick_guests(Clock::time_point now);
  void forgive_own_pause(Clock::duration pause);
  bool has_members() const { return callbacks_.admit != nullptr; }
  PeerState& state_of_member(const NodeId& id, const std::string& address);
  PeerState* welcome(const StreamPtr& stream, const Hello& hello);
  void turn_away(PeerState* peer, const StreamPtr& stream, const std::string& why);
  void forget_members();
  void dial(PeerState& peer, Clock::time_point now);
  void dial_failed(PeerState& peer, const std::string& reason);
  void establish(PeerState& peer, const StreamPtr& stream, const Hello& hello);
  void link_down(PeerState& peer, const std::string& reason, bool was_closed);
  void tell_link_down(const PeerState& peer, const std::string& reason, bool was_closed);
  void close(const StreamPtr& stream, const std::string& reason);
  bool drop_pending(const StreamPtr& stream);
  void warn(const std::string& text);
  void blame(const NodeId& peer, const std::string& what);
  PeerState* find(const NodeId& id);
  Hello own_hello() const;

  TransportOptions options_;
  boost::asio::any_io_executor executor_;
  boost::asio::thread_pool writer_{1};  // starts large writes
  TransportCallbacks callbacks_;
  boost::asio::steady_timer timer_;
  milliseconds tick_interval_;
  Clock::time_point ticked_at_;
  std::shared_ptr<StreamCounters> counters_ = std::make_shared<StreamCounters>();
  std::shared_ptr<LiveReactors> live_ = std::make_shared<LiveReactors>();
  std::map<NodeId, PeerState> peers_;
  std::vector<Guest> pending_;            // accepted, no Hello yet
  std::vector<Guest> closing_;            // until gRPC is done with them
  std::shared_ptr<Questions> questions_;  // where there are members
  std::shared_ptr<Relay> relay_;          // where there are members
  std::unique_ptr<Tunnels> tunnels_;      // the same
  std::string local_address_;
  std::unique_ptr<Acceptor> acceptor_;
  std::string listen_address_;
  WarningBudget warnings_{Clock::now()};
  std::atomic<bool> is_stopped_{false};
};

}  // namespace brigade::daemon

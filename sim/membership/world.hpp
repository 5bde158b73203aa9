// A world of members: the real membership core of thousands of nodes, with modelled links, and
// faults that a test calls for. Everything is a function of the seed.
//
// Links are streams that keep order, take time, and break: at once where a process dies, late where
// a machine or a network falls silent. A dial takes a round trip and a half, or fails.
//
// Cost: a million and a half events a second on one core; about 60 KB a member of a large swarm.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "sim/event_queue.hpp"
#include "swarm/membership/membership.hpp"

namespace brigade::sim {

struct MemberWorldOptions {
  std::uint64_t seed = 1;
  swarm::membership::Options node;  // of every node; self, stage, addresses are set per host
  Duration least_delay = std::chrono::milliseconds{5};  // one way; a constant of each link
  Duration most_delay = std::chrono::milliseconds{100};
  double loss = 0;                                       // of messages
  Duration broken_after = std::chrono::seconds{15};      // a silent stream is noticed, at last,
  Duration dial_fails_after = std::chrono::seconds{5};   // and a dial that nobody answers
  Duration last_words = std::chrono::milliseconds{500};  // from goodbye to exit
  std::uint32_t first_contacts = 2;                      // that a newcomer is told of
};

class MemberWorld {
 public:
  using HostIndex = std::uint32_t;

  /// What was sent, and what happened.
  struct Totals {
    std::uint64_t events = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  // as they would be on the wire, about
    std::uint64_t dials = 0;
    std::uint64_t blames = 0;
    std::uint64_t runs_twice = 0;
    std::uint64_t buried_alive = 0;  // a live host held for dead by another one
    std::uint64_t largest_message = 0;
    /// Messages of each kind, in the order of membership::Message.
    std::array<std::uint64_t, std::variant_size_v<swarm::membership::Message>> kinds{};
  };
  /// What members believe that is not so.
  struct Errors {
    std::uint64_t ghosts = 0;   // present in a view, and dead
    std::uint64_t missing = 0;  // alive, and absent from a view that should have it
    std::uint64_t checked = 0;
    bool has_none() const { return ghosts == 0 && missing == 0; }
  };

  explicit MemberWorld(const MemberWorldOptions& options);

  HostIndex add(std::optional<StageIndex> stage, bool can_be_dialled);
  void run_for(Duration time);
  TimePoint now() const { return now_; }

  // Faults.
  void kill(HostIndex host);       // the process: its streams break
  void cut_power(HostIndex host);  // the machine: its streams fall silent
  void leave(HostIndex host);      // with a goodbye
  void restart(HostIndex host);    // one that is dead; a new incarnation
  void freeze(HostIndex host);
  void thaw(HostIndex host);
  /// Hosts of different sides hear nothing of each other.
  void split(const std::function<std::uint32_t(HostIndex)>& side);
  void heal();
  void lose(double share) { options_.loss = share; }

  void tell(HostIndex host, const swarm::membership::Event& event);
  /// What a hostile host says to all its peers, whatever its core thinks of it.
  void say(HostIndex host, const swarm::membership::Message& message);
  /// For every action of every host.
  void watch(std::function<void(HostIndex, const swarm::membership::Action&)> watcher) {
    watcher_ = std::move(watcher);
  }

  std::size_t size() const { return hosts_.size(); }
  bool is_live(HostIndex host) const { return hosts_[host].is_live; }
  const swarm::membership::Membership& member(HostIndex host) const { return *hosts_[host].core; }
  NodeId id_of(HostIndex host) const { return hosts_[host].id; }
  HostIndex host_of(const NodeId& id) const;
  const Totals& totals() const { return totals_; }
  std::uint64_t trace() const { return trace_; }

  /// Every view of every `step`-th live host against the truth.
  Errors errors(std::uint32_t step = 1) const;
  /// The first few errors, in words.
  std::string explain() const;

 private:
  struct Peer {
    HostIndex host;
    std::uint32_t stream;
  };
  struct Host {
    NodeId id;
    std::unique_ptr<swarm::membership::Membership> core;
    std::vector<Peer> peers;
    std::vector<swarm::membership::Event> backlog;  // of a frozen one
    std::optional<StageIndex> stage;
    TimePoint woken_at = kNever;
    std::uint32_t wake = 0;  // stamp of the wake-up that counts
    std::uint32_t life = 0;
    std::uint32_t side = 0;
    bool can_be_dialled = false;
    bool has_power = true;
    bool is_live = false;
    bool is_frozen = false;
  };
  struct Stream {
    HostIndex ends[2] = {0, 0};
    Duration delay{};
    TimePoint last[2];
    std::uint32_t stamp = 0;
    bool is_up[2] = {false, false};
    bool is_silent = false;
  };
  struct Flight {
    std::uint32_t stream = 0;
    std::uint32_t stamp = 0;
    std::uint32_t to_end = 0;
    swarm::membership::Message message;
  };
  struct Attempt {
    HostIndex from = 0;
    HostIndex to = 0;
    std::uint32_t life = 0;
    bool is_first = false;  // of a newcomer, who knows an address and nothing else
  };

  void start(HostIndex host);
  void bootstrap(HostIndex host);
  void handle(HostIndex host, const swarm::membership::Event& event);
  void carry_out(HostIndex host, const swarm::membership::Action& action);
  void send(HostIndex host, const NodeId& to, const swarm::membership::Message& message);
  void dial(HostIndex from, HostIndex to, bool is_first);
  void drop(HostIndex host, HostIndex peer);
  void connect(const Attempt& attempt);
  void die(HostIndex host);
  void schedule_wake(HostIndex host);
  void on(const Due& due);
  void deliver(std::uint32_t index);
  void notice(std::uint32_t target, std::uint32_t stamp, bool was_closed);
  bool can_reach(HostIndex a, HostIndex b) const { return hosts_[a].side == hosts_[b].side; }
  bool remove_peer(HostIndex host, HostIndex peer);
  void silence(std::uint32_t stream);
  void mix(std::uint64_t value) { trace_ = mix64(trace_ ^ value); }
  template <class Use>
  void for_errors(std::uint32_t step, const Use& use) const;

  MemberWorldOptions options_;
  Random random_;
  EventQueue queue_;
  TimePoint now_{};
  std::vector<Host> hosts_;
  std::vector<Stream> streams_;
  std::vector<std::uint32_t> free_streams_;
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  std::vector<Attempt> attempts_;
  std::vector<std::uint32_t> free_attempts_;
  std::function<void(HostIndex, const swarm::membership::Action&)> watcher_;
  Totals totals_;
  std::uint64_t trace_ = 0;
};

/// About as many bytes as the wire would carry.
std::uint64_t wire_bytes(const swarm::membership::Message& message);

}  // namespace brigade::sim

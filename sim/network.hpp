// All links: in a line link i joins hosts i and i + 1. Schedules what its links ask for, and knows
// which of them can have a stream at all: both hosts live, and no fault is on it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "sim/event_queue.hpp"
#include "sim/link.hpp"
#include "sim/models.hpp"
#include "swarm/message.hpp"

namespace brigade::sim {

class Network {
 public:
  struct Arrival {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    swarm::Message message;
  };
  struct Change {  // of what `host` believes about its link to `peer`
    std::uint32_t host = 0;
    std::uint32_t peer = 0;
  };

  struct Edge {  // end 0 of the link is at `a`
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    LinkModel model;
  };

  Network(std::uint32_t hosts, const std::vector<Edge>& edges, std::uint64_t seed,
          EventQueue& queue);

  /// A link that was not there; its index.
  std::uint32_t add(TimePoint now, const Edge& edge);
  /// False: no link joins the two.
  bool send(TimePoint now, std::uint32_t from, std::uint32_t to, swarm::Message message);

  // What is due; nothing where it is stale.
  std::optional<Arrival> deliver(const Due& due);
  void on_wire_free(const Due& due);
  std::optional<Change> bring_up(const Due& due);
  std::optional<Change> take_down(const Due& due);

  void set_alive(TimePoint now, std::uint32_t host, bool is_alive);
  /// The host stands still for so long that its peers give its links up.
  void set_frozen(TimePoint now, std::uint32_t host, bool is_frozen);
  void set_broken(TimePoint now, std::uint32_t link, bool is_broken);
  void set_silent(std::uint32_t link, bool is_silent) { lines_[link].link.set_silent(is_silent); }
  void set_silent(std::uint32_t link, std::uint32_t from_end, bool is_silent) {
    lines_[link].link.set_silent(from_end, is_silent);
  }
  void set_slowness(std::uint32_t link, double narrower, double longer) {
    lines_[link].link.set_slowness(narrower, longer);
  }
  void heal(TimePoint now);

  std::uint64_t lost() const;
  std::uint64_t duplicated() const;

 private:
  struct Line {
    Link link;
    std::array<std::uint32_t, 2> hosts{};
    bool is_broken = false;  // by a fault
    bool is_intact = false;  // both hosts live and no fault
  };

  struct Port {  // of a host: one end of a link
    std::uint32_t link = 0;
    std::uint32_t end = 0;
    std::uint32_t peer = 0;  // the host at the other end
  };
  const Port* find(std::uint32_t from, std::uint32_t to) const;
  void schedule(const Link::Schedule& schedule, std::uint32_t pipe);
  /// Breaks or connects the stream after something about the link has changed.
  void settle(TimePoint now, std::uint32_t index);

  void attach(const Edge& edge);

  EventQueue& queue_;
  std::uint64_t seed_;
  std::vector<Line> lines_;
  std::vector<std::vector<Port>> ports_;  // by host; the newest link first
  std::vector<bool> is_alive_;            // by host
  std::vector<bool> is_frozen_;           // by host
};

}  // namespace brigade::sim

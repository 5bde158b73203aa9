// A link between two hosts: two pipes that queue, lose, repeat and delay messages, and ends that
// notice late that the stream broke. Pure state: the caller schedules what it returns.
#pragma once

#include <array>
#include <boost/container/deque.hpp>
#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "sim/models.hpp"
#include "swarm/message.hpp"

namespace brigade::sim {

class Link {
 public:
  struct End {
    std::uint32_t host = 0;
    bool is_up = false;            // what the host believes
    std::uint32_t generation = 0;  // of the stream that it believes in
    TimePoint up_at;
  };
  /// What is to be scheduled for a pipe.
  struct Schedule {
    std::optional<TimePoint> wire;     // on_wire_free is due then
    std::optional<TimePoint> arrival;  // deliver is due then: the pipe had nothing in flight
  };

  Link(const LinkModel& model, std::uint32_t host_a, std::uint32_t host_b, std::uint64_t seed)
      : model_(model),
        ends_{End{.host = host_a, .up_at = {}}, End{.host = host_b, .up_at = {}}},
        pipes_{Pipe{mix_seed(seed, 0)}, Pipe{mix_seed(seed, 1)}},
        random_(mix_seed(seed, 2)) {}

  const End& end(std::uint32_t which) const { return ends_[which]; }
  std::uint32_t generation() const { return generation_; }

  /// The stream is gone with everything in flight; the ends still believe in it.
  void break_stream();
  /// When an end notices.
  Duration sample_detection() { return model_.detection.sample(random_); }
  /// The end knows that it has no stream; false if it knew, or if it already has another one.
  bool take_down(std::uint32_t which, std::uint32_t generation);
  void drop_end(std::uint32_t which) { ends_[which].is_up = false; }

  /// A new stream, if none is up or on its way: when each end will have it.
  std::optional<std::array<TimePoint, 2>> connect(TimePoint now);
  bool bring_up(std::uint32_t which, std::uint32_t generation);

  /// Puts a message that `from_end` sends now into its pipe.
  Schedule send(TimePoint now, std::uint32_t from_end, swarm::Message message, std::uint64_t bytes);
  /// A part of a message of `from_end` has left.
  Schedule on_wire_free(TimePoint now, std::uint32_t from_end);
  /// The message that arrives now at the far end of `from_end`, and when the next one will.
  swarm::Message deliver(std::uint32_t from_end, std::optional<TimePoint>& next);

  void set_lossless();
  /// From now on bytes take `narrower` times as long, and the way `longer` times.
  void set_slowness(double narrower, double longer);
  void set_silent(bool is_silent) { is_silent_ = {is_silent, is_silent}; }
  /// What this end sends vanishes.
  void set_silent(std::uint32_t from_end, bool is_silent) { is_silent_[from_end] = is_silent; }

  std::uint64_t lost() const { return lost_; }
  std::uint64_t duplicated() const { return duplicated_; }

 private:
  enum Lane : std::size_t { kControl, kGradient, kActivation, kLanes };
  struct Waiting {
    swarm::Message message;
    std::uint64_t bytes_left = 0;
    bool comes_twice = false;
  };
  struct Delivery {
    TimePoint at;
    swarm::Message message;
  };
  // No memory until it is used: a swarm has tens of thousands of links, most of them idle.
  template <class T>
  using Queue =
      boost::container::deque<T, void,
                              boost::container::deque_options_t<boost::container::block_size<8>>>;
  struct Pipe {
    explicit Pipe(std::uint64_t seed) : random(seed) {}
    std::array<Queue<Waiting>, kLanes> lanes;  // not on the wire yet
    Queue<Delivery> in_flight;
    std::optional<Lane> on_wire;  // the lane whose first message has a part on the wire
    TimePoint busy_until;         // … or what was alone on it has left by then
    bool is_due = false;          // on_wire_free is
    std::uint64_t part_bytes = 0;
    TimePoint last_arrival;
    TimePoint stall_begin, stall_end;  // of the last or next one; both zero: none is drawn yet
    Random random;
  };

  static Lane lane_of(const swarm::Message& message);
  TimePoint after_stall(TimePoint now, Pipe& pipe);
  std::optional<TimePoint> start_part(TimePoint now, Pipe& pipe);
  Duration wire_time(std::uint64_t bytes) const;
  std::optional<TimePoint> fly(TimePoint now, std::uint32_t from_end, swarm::Message message,
                               bool comes_twice);

  LinkModel model_;
  std::array<End, 2> ends_;
  std::array<Pipe, 2> pipes_;
  Random random_;
  std::uint32_t generation_ = 0;
  bool is_connected_ = false;
  std::array<bool, 2> is_silent_{};
  double narrower_ = 1;
  double longer_ = 1;
  std::uint64_t lost_ = 0;
  std::uint64_t duplicated_ = 0;
};

}  // namespace brigade::sim

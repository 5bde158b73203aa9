// One direction of a link that is worse than the machine's own: packets go in, and come out later,
// fewer, or twice. Two pipes are a link; every pair of nodes has its own two.
//
//   offer ─► cut? lost? ─► queue, drained at `rate` ─► delay ─► poll
//
// - Rate: a token bucket of `burst` bytes, filled at `rate`; what finds no token waits in a queue
// of
//   at most `queue` bytes, and what does not fit there is dropped at the tail, as routers do.
// - Delay: constant, or drawn. A drawn delay holds for `hold`, since delays of real networks change
//   slowly against the packets of one burst: drawn anew for every packet and kept in order, the
//   whole burst would be as late as its latest packet. Order is kept unless `reorders`.
// - A cut pipe loses what is offered and what is on its way.
// - Changes take effect at once: what waits in the queue leaves at the new rate; what is delayed
//   already keeps its time.
//
// Pure: time comes in, nothing is read or sent, the same seed gives the same fates. poll() and
// next_wakeup() as everywhere in Brigade.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"

namespace brigade::emulator {

using Packet = std::vector<std::byte>;

enum class Jitter : std::uint8_t {
  kNone,
  kUniform,  // between half the delay and twice the delay
  kNormal,   // around the delay, with a deviation; never below zero
};

struct Shape {
  Duration delay{0};
  Jitter jitter = Jitter::kNone;
  Duration deviation{0};                          // kNormal
  Duration hold{std::chrono::milliseconds{100}};  // 0: every packet draws its own delay
  double rate_bits_per_s = 0;                     // 0: as fast as they come
  std::uint64_t burst_bytes = 0;
  std::uint64_t queue_bytes = 512 * 1024;
  double loss_ratio = 0;
  double duplicate_ratio = 0;
  bool reorders = false;
  bool is_cut = false;

  bool operator==(const Shape&) const = default;
};

struct Counters {
  std::uint64_t packets = 0;  // offered
  std::uint64_t bytes = 0;
  std::uint64_t delivered_packets = 0;
  std::uint64_t delivered_bytes = 0;
  std::uint64_t lost = 0;  // by chance
  std::uint64_t cut = 0;
  std::uint64_t overflowed = 0;  // no room in the queue, or too much on its way
  std::uint64_t duplicated = 0;
  std::uint64_t queue_peak_bytes = 0;
  Duration late_sum{0};  // how much later than due packets were polled: our own fault
  Duration late_max{0};
};

/// Bytes that one pipe holds at most, whatever its delay: beyond, packets overflow.
inline constexpr std::uint64_t kMaxHeldBytes = 256u * 1024 * 1024;

class Pipe {
 public:
  explicit Pipe(std::uint64_t seed) : random_(seed) {}

  void reshape(TimePoint now, const Shape& shape);
  void offer(TimePoint now, Packet packet);
  /// The next packet that has arrived by now.
  std::optional<Packet> poll(TimePoint now);
  TimePoint next_wakeup() const;

  const Shape& shape() const { return shape_; }
  const Counters& counters() const { return counters_; }

 private:
  struct Queued {
    TimePoint arrived;
    Packet packet;
  };

  TimePoint departure_of_first() const;
  void drain(TimePoint now);
  void depart(TimePoint when, Packet packet);
  Duration draw_delay(TimePoint when);
  double draw_normal();
  void lose_everything();

  Shape shape_;
  Random random_;
  Counters counters_;

  std::deque<Queued> queue_;  // empty while there is no rate
  std::uint64_t queued_bytes_ = 0;
  TimePoint line_free_at_{};  // when the bucket has been paid for everything that left
  TimePoint reshaped_at_{};

  std::map<std::pair<TimePoint, std::uint64_t>, Packet> flying_;  // by arrival, then by number
  std::uint64_t flying_bytes_ = 0;
  std::uint64_t next_number_ = 0;
  TimePoint last_arrival_{};

  Duration held_delay_{0};
  TimePoint held_until_{};
};

}  // namespace brigade::emulator

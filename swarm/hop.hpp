// One message on its way to a neighbour, and how long to wait before acting again.
//
// Rules
// - Until a receipt a message is asked about with a Query, which is small; its bytes are sent again
//   when the peer says that it does not have them. Time alone does not tell a loss from a slow
//   link, and bytes repeated on time alone would keep a slow link from ever catching up.
// - Pauses double up to Options::longest_pause, with up to a quarter of jitter from the seed: peers
//   that lost the same link do not come back in step. The first wait is the deadline itself.
// - Repeats share a budget (Throttle): when a link comes back, a whole window is due at once, and
//   the link is better used by new work than by a burst of what may have arrived.
// - A receipt is believed only with the attempt that is on its way now: an answer to an earlier one
//   may be about bytes that the peer has lost since.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

/// One more wait in a row without progress; as many as there can be stay as many.
inline void grow(std::uint8_t& patience) {
  if (patience < std::numeric_limits<std::uint8_t>::max()) ++patience;
}

struct Hop {
  enum class State : std::uint8_t {
    kIdle,    // nothing is on its way
    kSent,    // no receipt yet: asked about when due
    kAsked,   // asked about, no receipt yet: asked again when due
    kHeld,    // the peer has it: asked about when due
    kPaused,  // refused or lost: repeated when due
  };
  State state = State::kIdle;
  std::uint8_t patience = 0;  // waits in a row without progress
  Attempt attempt;            // of the newest send; 0: never sent
  NodeId to;                  // of the newest send
  TimePoint due = kNever;     // kNever while no link leads there

  bool is_active() const { return state != State::kIdle; }
  bool is_answered_by(const NodeId& from, Attempt echoed) const {
    return is_active() && attempt == echoed && to == from;
  }
};

/// How long to wait: the deadlines of Options, doubled and jittered.
class Pauses {
 public:
  explicit Pauses(const Options& options);
  Duration for_receipt(std::uint8_t patience) { return grown(receipt_, patience); }
  Duration for_gradient(std::uint8_t patience) { return grown(gradient_, patience); }

 private:
  Duration grown(Duration base, std::uint8_t patience);

  Duration receipt_;
  Duration gradient_;
  Duration longest_;
  Random random_;
};

/// A leaky bucket for repeats: kRepeatsADeadline at once, and as many each receipt deadline.
class Throttle {
 public:
  static constexpr std::int64_t kRepeatsADeadline = 64;  // a common window, four times over

  explicit Throttle(Duration receipt_deadline);
  /// `now` and counted, or the later time at which there is room again.
  TimePoint take(TimePoint now);

 private:
  Duration cost_;
  Duration burst_;
  TimePoint full_until_ = TimePoint::min();
};

/// Wake-ups of numbered slots: a binary heap with lazy deletion. A slot has at most one live heap
/// entry, at or before the time it is due, so the heap is as small as the table of slots; a slot
/// that wakes early is armed again by its owner.
class SlotTimers {
 public:
  using Slot = std::uint32_t;

  void arm(Slot slot, TimePoint due);
  /// A slot whose time has come, in order of time, then of arming; false: none.
  bool pop(TimePoint now, Slot& slot);
  TimePoint next() const { return heap_.empty() ? kNever : heap_.front().at; }

 private:
  struct Alarm {
    TimePoint at;
    std::uint64_t serial;
    Slot slot;
  };
  static bool is_later(const Alarm& a, const Alarm& b) {
    return a.at != b.at ? a.at > b.at : a.serial > b.serial;
  }
  bool is_live(const Alarm& alarm) const { return armed_[alarm.slot] == alarm.serial; }
  void drop_front();

  std::vector<Alarm> heap_;
  std::vector<std::uint64_t> armed_;  // by slot: serial of its live alarm; 0: none
  std::vector<TimePoint> armed_at_;   // by slot
  std::uint64_t serial_ = 0;
};

}  // namespace brigade::swarm

// How many micro-batches the head keeps in flight: the fewest that keep the slowest stage busy.
// More buys no speed and costs staleness, fewer leave the slowest stage waiting.
//
// What is measured, at the head: the rate at which gradients come back with the present window, and
// how busy the slowest stage is meanwhile, by the counters that they carry (load_meter.hpp).
// What it is compared with: the most that the line can do,
//   - a slowest stage that is always busy, or,
//   - where something takes from its time however much is in flight (processes that share cores,
//     handing over), as busy as it was seen to get: a share, so that a machine that is slower for a
//     while changes neither side, or,
//   - where a narrow link is the limit, the rate that the line was seen to settle at.
// Their ratio is the part that the line does of what it can.
//
// Rules
// - A window is tried: gradients of the window before are let pass (two round trips), then batches
//   of at least one round trip are timed, until that part is above or below kEnough by one or
//   two standard errors, or kMostBatches are in. So steady links are judged after four round trips,
//   and jittery or bursty ones are averaged for as long as they need.
// - Too small: the window grows by what is missing, to twice its size at most. If twice as much in
//   flight brought next to nothing more, the line does what it can, and that is its most. The part
//   of it that a still larger window would add is estimated from the same two points.
// - Enough: a quarter less is tried, then halves of the distance between the largest window that
//   was too small and the smallest that was enough, until they are a sixteenth (or one) apart.
// - Found: it is watched with a lower bar (kHysteresis), so that noise does not move it. Smaller
//   windows are tried again now and then, where not computing alone is the limit larger ones in
//   turn, with pauses that double while nothing comes of it, so that trying costs little.
// - What was learned is dropped when the slowest stage's computing time changes by kPaceChange, or
//   another stage becomes the slowest. When a window that was enough is not any more, the search
//   begins again, with what the line was seen to do at most.
// - Time in which the window is not what limits the head (evaluations, a line that is not ready) is
//   not measured, nor is an interval of more than kOutage round trips, by either clock: no window
//   bridges an outage. Counters that go back, or a computing time that exceeds the time, are not
//   believed.
//
// Bounds: windows 1 … `most`. Threading: none. Cost: O(1) a gradient.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "swarm/message.hpp"

namespace brigade::swarm {

class WindowControl {
 public:
  static constexpr double kEnough =
      0.98;  // of what the line can do: at most 3 % less, with a margin
  static constexpr double kHysteresis = 0.01;  // less than that is enough for a window once found
  static constexpr double kClearlyLess = 0.7;  // needs no more than two batches
  static constexpr double kSure = 2;           // standard errors, of a window once found; before,
  static constexpr double kSureSearching = 1;  // a wrong step is soon corrected, and waiting costs
  static constexpr double kNoMore = 0.1;       // gained by twice the window: the line's limit
  static constexpr double kMostlyBusy = 0.8;   // a slowest stage so busy waits for no link
  static constexpr double kPaceChange = 0.2;
  static constexpr std::uint32_t kLeastBatches = 4;
  static constexpr std::uint32_t kMostBatches = 64;
  static constexpr std::uint32_t kLeastGradients = 16;  // of a batch,
  static constexpr double kLongBatch = 0.4;             // unless it takes so many seconds
  static constexpr std::uint32_t kOutage = 8;           // round trips
  static constexpr std::uint32_t kFirstPause = 128;     // batches until a found window is doubted
  static constexpr std::uint32_t kLongestPause = 1024;

  WindowControl(std::uint32_t first, std::uint32_t most);
  void restart();  // a new epoch: the window stays, measuring begins again

  /// `count` gradients came back; `load` is the newest that was heard. `is_limiting`: since the
  /// call before, nothing but the window held draws back. True: the window has changed.
  bool on_gradients(TimePoint now, std::uint32_t count, const Load& load, bool is_limiting);

  std::uint32_t window() const { return window_; }
  double smoothed() const { return smoothed_; }  // mean over the gradients, weight 0.99 on the past
  const char* reason() const { return reason_; }  // why the window is what it is; a literal
  /// With the window before this one: share of its time that the slowest stage computed.
  double busy_before() const { return busy_before_; }
  bool is_found() const { return aim_ == Aim::kWatch; }

 private:
  enum class Aim : std::uint8_t {
    kSearch,   // between what was too small and what was enough
    kWatch,    // found
    kProbe,    // a smaller one, from a found window
    kProbeUp,  // a larger one, from a found window that a link limits
  };
  enum class Verdict : std::uint8_t { kUndecided, kTooSmall, kEnough };
  struct Point {
    std::uint32_t window = 0;
    double rate = 0;  // gradients a second
    double busy = 0;  // share of its time that the slowest stage computes
  };
  /// What the line was seen to do at most; nothing of it is set where only computing limits.
  struct Limit {
    double rate = 0;  // of a link; 0: none limits
    double busy = 0;  // that the slowest stage gets; 0: as much as there is
    bool is_known() const { return rate > 0 || busy > 0; }
  };

  struct Batch {
    std::uint32_t gradients = 0;
    double seconds = 0;
    double computing_s = 0;  // of the slowest stage
    double elapsed_s = 0;    // by its clock
  };
  /// Of the values that a trial's batches had.
  struct Sample {
    std::uint32_t count = 0;
    double sum = 0, sum_of_squares = 0;
    double noise = 0;  // spread over the last trials

    void add(double value);
    void begin_trial();
    void drop();  // as if the trial had not been
    double mean() const;
    double spread() const;     // variance relative to the mean squared
    double own_error() const;  // standard error of the mean, as a part of it, by this trial alone
    double error() const;      // the same, for the noise that is known
  };

  // Measuring.
  void begin_trial(std::uint32_t let_pass);
  void drop_trial();
  bool is_batch_complete() const;
  Point measured() const;          // in the present trial
  const Sample& compared() const;  // what part() of the present trial goes by
  const Sample& gaining() const;   // what gain_over() goes by
  double of_busy(const Point& point) const;
  double of_rate(const Point& point) const;
  double part(const Point& point) const;  // of what the line can do
  Verdict judge() const;

  // Deciding; true: the window has changed.
  bool decide(Verdict verdict);
  bool on_too_small();
  bool on_enough();
  bool on_watched(Verdict verdict);
  bool on_probed(Verdict verdict);
  bool on_probed_up();
  bool search_again();
  bool climb();
  bool narrow();
  bool watch(const char* reason);
  bool keep_found(const char* reason);
  bool try_window(std::uint32_t window, Aim aim, const char* reason);

  bool waits_for_links() const;
  double gain_over(const Point& other) const;
  bool gained_little() const;
  const Point* doubled_in_vain() const;
  bool find_limit(const Point& half);
  void forget_bounds();
  void forget();

  std::uint32_t most_;
  std::uint32_t window_;
  double smoothed_;
  const char* reason_ = "as many as stages, until it is measured";
  double busy_before_ = 0;
  Aim aim_ = Aim::kSearch;
  Load load_;                    // newest
  Duration known_pace_{};        // of the slowest stage, for which the following holds
  std::uint32_t too_small_ = 0;  // largest window known to be; 0: none is
  std::uint32_t enough_ = 0;     // smallest window known to be; 0: none is
  std::vector<Point> climb_;     // what was too small on the way up; log2(most) and a few
  Limit limit_;

  // Of a found window.
  std::uint32_t found_ = 0;
  Point found_point_;
  std::uint32_t pause_ = kFirstPause;
  std::uint32_t watched_ = 0;  // batches
  bool probes_up_next_ = false;

  // The present trial.
  TimePoint last_;
  bool has_last_ = false;
  std::uint32_t let_pass_ = 0;  // gradients
  Batch batch_;
  Sample seconds_a_gradient_;  // one value a batch
  Sample busy_;                // one value a batch

  double past_rate_ = 0;  // of the trial before, gradients a second; 0: unknown
};

}  // namespace brigade::swarm

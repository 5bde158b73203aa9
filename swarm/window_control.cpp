#include "swarm/window_control.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"

namespace brigade::swarm {
namespace {

constexpr double kPast = 0.99;           // weight on the past in the smoothed window
constexpr double kNextToNoError = 0.01;  // for a rate that others will be compared with
constexpr std::uint32_t kQuarter = 4;
constexpr std::uint32_t kEighth = 8;
constexpr std::uint32_t kNoiseBatches = 16;  // that the spread of batches is remembered for
constexpr std::uint32_t kResolution = 16;    // a sixteenth of the window, or one

double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

bool has_changed(Duration pace, Duration known) {
  const auto difference = static_cast<double>(std::chrono::abs(pace - known).count());
  return difference > WindowControl::kPaceChange * static_cast<double>(known.count());
}

}  // namespace

WindowControl::WindowControl(std::uint32_t first, std::uint32_t most)
    : most_(most), window_(first), smoothed_(first) {
  BRIGADE_CHECK(first > 0 && first <= most);
  restart();
}

void WindowControl::restart() {
  has_last_ = false;
  past_rate_ = 0;
  drop_trial();
  begin_trial(2 * window_);
}

// ---- measuring ----------------------------------------------------------------------------------

bool WindowControl::on_gradients(TimePoint now, std::uint32_t count, const Load& load,
                                 bool is_limiting) {
  const double past = std::pow(kPast, count);
  smoothed_ = past * smoothed_ + (1 - past) * window_;
  const Load before = std::exchange(load_, load);
  const double interval = to_seconds(now - std::exchange(last_, now));
  const bool is_first = !std::exchange(has_last_, true);
  if (load.pace <= Duration::zero()) return false;
  if (known_pace_ == Duration::zero() || has_changed(load.pace, known_pace_) ||
      load.stage != before.stage) {
    forget();
    return false;
  }
  if (let_pass_ > 0) {
    let_pass_ -= std::min(let_pass_, count);
    return false;
  }
  const Duration computing = load.computing - before.computing;
  const Duration elapsed = load.elapsed - before.elapsed;
  const bool is_sane = computing >= Duration::zero() && computing <= elapsed;
  const double expected = busy_.count > 0 ? measured().rate : past_rate_;
  const bool is_outage =
      std::max(interval, to_seconds(elapsed)) * expected > double{kOutage} * window_;
  if (is_first || !is_limiting || !is_sane || is_outage) return false;
  batch_.gradients += count;
  batch_.seconds += interval;
  batch_.computing_s += to_seconds(computing);
  batch_.elapsed_s += to_seconds(elapsed);
  if (!is_batch_complete()) return false;
  seconds_a_gradient_.add(batch_.seconds / batch_.gradients);
  busy_.add(batch_.computing_s / batch_.elapsed_s);
  batch_ = {};
  return decide(judge());
}

void WindowControl::begin_trial(std::uint32_t let_pass) {
  if (busy_.count > 0) past_rate_ = measured().rate;
  let_pass_ = let_pass;
  seconds_a_gradient_.begin_trial();
  busy_.begin_trial();
  batch_ = {};
}

void WindowControl::drop_trial() {
  seconds_a_gradient_.drop();
  busy_.drop();
}

bool WindowControl::is_batch_complete() const {
  if (batch_.elapsed_s <= 0) return false;
  const std::uint32_t round_trips = (kLeastGradients + window_ - 1) / window_;
  const bool is_long = batch_.seconds >= kLongBatch && batch_.gradients % window_ == 0;
  return is_long || batch_.gradients >= window_ * round_trips;
}

void WindowControl::Sample::add(double value) {
  ++count;
  sum += value;
  sum_of_squares += value * value;
}

void WindowControl::Sample::begin_trial() {
  // Bursts are rare: a trial that happens to see none must not be believed for being even.
  if (count > 1) noise += std::min(1.0, count / double{kNoiseBatches}) * (spread() - noise);
  drop();
}

void WindowControl::Sample::drop() {
  count = 0;
  sum = sum_of_squares = 0;
}

double WindowControl::Sample::mean() const {
  return std::max(sum / std::max(count, 1U), 1e-9);
}

double WindowControl::Sample::spread() const {
  if (count < 2) return 0;
  const double variance = std::max(sum_of_squares / count - mean() * mean(), 0.0);
  return variance * count / (count - 1) / (mean() * mean());
}

double WindowControl::Sample::own_error() const {
  return std::sqrt(spread() / std::max(count, 1U));
}

double WindowControl::Sample::error() const {
  return std::sqrt(std::max(spread(), noise) / std::max(count, 1U));
}

WindowControl::Point WindowControl::measured() const {
  return {window_, 1 / seconds_a_gradient_.mean(), busy_.mean()};
}

double WindowControl::of_busy(const Point& point) const {
  return limit_.busy > 0 ? point.busy / limit_.busy : point.busy;
}

double WindowControl::of_rate(const Point& point) const {
  return limit_.rate > 0 ? point.rate / limit_.rate : 0;
}

const WindowControl::Sample& WindowControl::compared() const {
  return of_rate(measured()) > of_busy(measured()) ? seconds_a_gradient_ : busy_;
}

const WindowControl::Sample& WindowControl::gaining() const {
  return waits_for_links() ? seconds_a_gradient_ : busy_;
}

double WindowControl::part(const Point& point) const {
  return std::max(of_rate(point), of_busy(point));
}

WindowControl::Verdict WindowControl::judge() const {
  const double done = part(measured());
  const double bar = aim_ == Aim::kWatch ? kEnough - kHysteresis : kEnough;
  if (aim_ != Aim::kWatch && busy_.count > 1 && done < kClearlyLess) return Verdict::kTooSmall;
  if (busy_.count < kLeastBatches) return Verdict::kUndecided;
  const double error = (aim_ == Aim::kSearch ? kSureSearching : kSure) * compared().error();
  if (done * (1 + error) < bar) return Verdict::kTooSmall;
  if (done * (1 - error) >= bar) return Verdict::kEnough;
  if (busy_.count < kMostBatches) return Verdict::kUndecided;
  return done < bar ? Verdict::kTooSmall : Verdict::kEnough;
}

// ---- deciding -----------------------------------------------------------------------------------

bool WindowControl::decide(Verdict verdict) {
  if (verdict == Verdict::kUndecided) return false;
  switch (aim_) {
    case Aim::kSearch:
      return verdict == Verdict::kTooSmall ? on_too_small() : on_enough();
    case Aim::kWatch:
      return on_watched(verdict);
    case Aim::kProbe:
      return on_probed(verdict);
    case Aim::kProbeUp:
      return on_probed_up();
  }
  return false;
}

bool WindowControl::on_too_small() {
  const bool is_new = climb_.empty() || climb_.back().window < window_;
  if (enough_ <= window_) enough_ = 0;  // what was measured last counts
  too_small_ = std::max(too_small_, window_);
  if (enough_ > 0) return narrow();
  if (is_new) climb_.emplace_back();
  climb_.back() = measured();
  return climb();
}

bool WindowControl::on_enough() {
  enough_ = window_;
  if (too_small_ >= enough_) too_small_ = 0;
  climb_.clear();
  return narrow();
}

bool WindowControl::climb() {
  const Point* half = doubled_in_vain();
  if (half != nullptr) {
    const bool is_sure =
        busy_.count >= 2 * kLeastBatches && gaining().own_error() <= kNextToNoError;
    if (!is_sure && busy_.count < kMostBatches) return false;  // measured further
    if (find_limit(*half)) return narrow();
  }
  if (window_ == most_) {
    limit_.rate = measured().rate;
    enough_ = window_;
    return watch("the largest window allowed: a larger one would be faster");
  }
  const double wanted = std::ceil(window_ / part(measured()));
  const std::uint32_t twice = std::min(2 * window_, most_);
  const std::uint32_t least = window_ + window_ / (gained_little() ? kQuarter : kEighth) + 1;
  std::uint32_t next = wanted < twice ? static_cast<std::uint32_t>(wanted) : twice;
  next = std::max(next, least);
  return try_window(std::min(next, most_), Aim::kSearch,
                    limit_.rate > 0 ? "less came back than the links can carry"
                                    : "the slowest stage was waiting");
}

/// The last step of the climb brought less than half of what its size promised: where delays vary,
/// the rate bends long before it is flat, and steps of what is missing would only creep.
bool WindowControl::gained_little() const {
  if (climb_.size() < 2) return false;
  const Point& before = climb_[climb_.size() - 2];
  const double step = static_cast<double>(window_) / before.window - 1;
  return gain_over(before) < step / 2;
}

bool WindowControl::waits_for_links() const {
  return measured().busy < kMostlyBusy;
}

/// What the present trial brings more than another, as a part of it: in gradients a second where
/// links are the limit, else in how busy the slowest stage is, which a slower machine leaves as it
/// was.
double WindowControl::gain_over(const Point& other) const {
  const Point now = measured();
  return (waits_for_links() ? now.rate / other.rate : now.busy / other.busy) - 1;
}

/// A point of the climb with at most half the present window and next to the same rate, if any.
const WindowControl::Point* WindowControl::doubled_in_vain() const {
  const auto is_half = [this](const Point& point) { return 2 * point.window <= window_; };
  const auto half = std::find_if(climb_.rbegin(), climb_.rend(), is_half);
  if (half == climb_.rend() || gain_over(*half) > kNoMore) return nullptr;
  return &*half;
}

/// What the line does at most, where not computing alone limits it. False if that does, or if no
/// window of the climb was enough for it.
bool WindowControl::find_limit(const Point& half) {
  // As if what is missing fell with 1/window, which is what it does where delays vary.
  const Point now = measured();
  const double gained = std::max(gain_over(half), 0.0) / (1 + gain_over(half));
  const double whole = 1 + gained * half.window / (window_ - half.window);
  limit_ = {};
  if (now.busy * whole >= kEnough) return false;
  (waits_for_links() ? limit_.rate : limit_.busy) =
      whole * (waits_for_links() ? now.rate : now.busy);
  too_small_ = enough_ = 0;
  for (const Point& point : climb_) {
    if (part(point) < kEnough) {
      too_small_ = point.window;
    } else if (enough_ == 0) {
      enough_ = point.window;
    }
  }
  if (enough_ < too_small_) enough_ = 0;
  if (enough_ == 0) return false;
  climb_.clear();
  return true;
}

bool WindowControl::narrow() {
  const std::uint32_t apart = enough_ - too_small_;
  if (enough_ == 1 || apart <= std::max(1U, enough_ / kResolution)) {
    return watch(limit_.rate > 0 ? "the smallest that carries as much as the links can"
                                 : "the smallest that keeps the slowest stage busy");
  }
  if (too_small_ == 0) {
    return try_window(enough_ - std::max(1U, enough_ / kQuarter), Aim::kSearch,
                      "a larger one was enough: trying less");
  }
  return try_window(too_small_ + apart / 2, Aim::kSearch,
                    "between one that was too small and one that was enough");
}

bool WindowControl::watch(const char* reason) {
  found_ = enough_;
  if (window_ == found_) found_point_ = measured();
  watched_ = 0;
  return try_window(found_, Aim::kWatch, reason);
}

bool WindowControl::on_watched(Verdict verdict) {
  found_point_ = measured();
  if (verdict == Verdict::kTooSmall) return search_again();
  watched_ += busy_.count;
  if (watched_ < pause_) {
    begin_trial(0);
    return false;
  }
  const bool goes_up = limit_.is_known() && found_ < most_ && probes_up_next_;
  probes_up_next_ = !goes_up;
  if (goes_up) {
    return try_window(std::min(found_ + std::max(1U, found_ / kQuarter), most_), Aim::kProbeUp,
                      "trying whether more in flight brings more by now");
  }
  if (found_ == 1) return keep_found("the smallest there is");
  return try_window(found_ - std::max(1U, found_ / kEighth), Aim::kProbe,
                    "trying whether less is enough by now");
}

bool WindowControl::on_probed(Verdict verdict) {
  if (verdict == Verdict::kTooSmall)
    return keep_found("trying less left the slowest stage waiting");
  pause_ = kFirstPause;
  too_small_ = 0;
  aim_ = Aim::kSearch;
  return on_enough();
}

bool WindowControl::on_probed_up() {
  if (gain_over(found_point_) < 1 - kEnough + kSure * gaining().error())
    return keep_found("trying more brought back no more");
  limit_ = {};
  return search_again();
}

/// What the line does at most is kept: if that has changed too, the search will show it.
bool WindowControl::search_again() {
  forget_bounds();
  return on_too_small();
}

/// Nothing came of a probe.
bool WindowControl::keep_found(const char* reason) {
  pause_ = std::min(2 * pause_, kLongestPause);
  enough_ = found_;
  return watch(reason);
}

bool WindowControl::try_window(std::uint32_t window, Aim aim, const char* reason) {
  const bool is_new = window != window_;
  const std::uint32_t let_pass = std::max(window_, window) + window;
  window_ = window;
  aim_ = aim;
  reason_ = reason;
  if (is_new) busy_before_ = measured().busy;
  begin_trial(is_new ? let_pass : 0);
  return is_new;
}

void WindowControl::forget_bounds() {
  too_small_ = enough_ = 0;
  climb_.clear();
  pause_ = kFirstPause;
  aim_ = Aim::kSearch;
}

/// The slowest stage computes at another pace.
void WindowControl::forget() {
  known_pace_ = load_.pace;
  limit_ = {};
  forget_bounds();
  past_rate_ = 0;
  drop_trial();  // its spread is the change's, not the line's
  begin_trial(window_);
}

}  // namespace brigade::swarm

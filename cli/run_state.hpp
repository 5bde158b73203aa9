// What the CLI knows of a run, put together from the events of its nodes. Pure: events and times
// go in, the views (live_view, plain lines, report) read it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "brigade/control/v1/control.pb.h"
#include "cli/curve.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

/// What stays the same during a run: the heading of every view.
struct RunHeading {
  std::uint32_t stages = 1;
  std::string method;
  std::uint64_t parameters = 0;
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;              // micro-batches of the whole run; 0: without end
  std::uint64_t microbatch_tokens = 0;  // B·T
};

class RunState {
 public:
  explicit RunState(RunHeading heading);

  /// `t`: seconds since the CLI started.
  void on_event(double t, std::uint32_t stage, const control::WatchEvent& event);

  const RunHeading& heading() const { return heading_; }
  /// The newest status of each stage; a node that was never heard of has an empty `node`.
  const std::vector<control::NodeStatus>& nodes() const { return nodes_; }
  const control::Step& step() const { return step_; }  // the newest
  bool has_step() const { return has_step_; }
  double mean_loss() const { return mean_loss_; }  // running mean over the last steps, nats a token
  const std::optional<control::Eval>& eval() const { return eval_; }  // the newest
  std::uint64_t tokens_at(std::uint64_t position) const;  // trained up to there, of the run
  /// All micro-batches are in; what is left is the evaluation on the whole validation split.
  bool is_at_end() const;
  bool has_final_eval() const { return eval_ && eval_->is_final(); }
  const Curve& curve() const { return curve_; }

  double tokens_per_s() const;       // over the last seconds
  double mean_tokens_per_s() const;  // from the first step that this process saw to the newest
  /// Seconds left at the speed of the last seconds; absent where it is not known yet.
  std::optional<double> seconds_left(double t) const;
  /// Every node says that the run is over and nothing is left to do.
  bool is_over() const;

 private:
  struct Mark {
    double t = 0;
    std::uint64_t position = 0;
    std::uint64_t tokens = 0;
  };
  void on_step(double t, const control::Step& step);
  double speed(const Mark& from, const Mark& to) const;

  RunHeading heading_;
  std::vector<control::NodeStatus> nodes_;
  control::Step step_;
  bool has_step_ = false;
  double mean_loss_ = 0;
  double mean_weight_ = 0;
  std::optional<control::Eval> eval_;
  Curve curve_;
  Mark first_;
  Mark last_;
  std::deque<Mark> recent_;  // one a half second, of the last kSpeedSpan seconds
};

}  // namespace brigade::cli

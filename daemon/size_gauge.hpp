// Whether a tensor is of the size that tensors at this hop have: the last check of what a peer
// sent, after its shape and before its values are used. One gauge a direction.
//
// Size is the root mean square. Two bounds:
// - kMost, whatever came before. Numbers up to there, a million times what a model computes with,
//   can't make this stage's own results overflow: else a peer's bytes would pass for this stage's
//   divergence, and stop it.
// - kMostRatio times the usual size at this hop, once kLearned tensors were seen. The usual size is
//   a running median: each tensor moves it by kStep towards itself, however large it is, so nobody
//   drags it away with a few, and it keeps up with training, where sizes change by a few per cent
//   from one micro-batch to the next. Of the 42,611 tensors of a real run (six nodes, three stages,
//   from the first update on) the farthest was 5.6 times the usual size, one in a thousand 2.4
//   times.
// What is smaller than usual does no more than a micro-batch of nonsense. (Who gives most of the
// tensors at a hop, hundreds of tiny ones, moves what is usual: then others' gradients are tamed.)
//
// An activation beyond is refused: weights move by a bounded step, and what they compute with them.
// A gradient may get there honestly: when training blows up for a moment, each layer norm of a
// small stream multiplies it (measured: 6 times a stage, 2,000 times the usual size three stages
// on, back to usual four micro-batches later, in 3 of 50 runs of four stages at lr 3e-3). Refused
// it would be the same again, so it is tamed: brought to the usual size, direction kept.
//
// Pure; any thread, one at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace brigade::daemon {

class SizeGauge {
 public:
  static constexpr double kMost = 1e6;
  static constexpr double kMostRatio = 1000;
  static constexpr std::size_t kLearned = 32;
  static constexpr double kStep = 1.0 / 16;  // of a logarithm

  /// Why a tensor of this size is refused, or nothing: then it counts for what is usual. One that
  /// is not finite is left to whoever decodes it.
  std::optional<std::string> refuse(double size);
  /// What brings a tensor that is too large for what is usual to the usual size; such a one counts
  /// for what is usual too. 1 for any other, which does not count yet.
  double tame(double size);
  /// Other weights: other sizes.
  void restart();
  /// The largest of size and usual size, one by the other, that was let pass; 1 before any.
  double largest_ratio() const { return largest_ratio_; }

 private:
  void learn(double logarithm);

  std::vector<double> first_;    // logarithms, until there are kLearned
  std::optional<double> usual_;  // logarithm
  double largest_ratio_ = 1;
};

}  // namespace brigade::daemon

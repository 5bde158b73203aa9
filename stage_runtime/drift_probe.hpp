// Does the look-ahead meet where the weights go? For one micro-batch at a time, from its forward to
// its backward: the change Δ of the weights, and its cosine with the step d that momentum alone
// would have taken at the forward. The method rests on that cosine being near 1 (arXiv 2505.01099).
//
// Rules
// - An even sample of at most kSample weights: nothing of the size of a stage is kept.
// - A micro-batch whose weights did not move (staleness 0) says nothing and is not counted.
// - Running means, weight kPast on the past, that start at the first value.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "base/ids.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

class DriftProbe {
 public:
  static constexpr std::int64_t kSample = 4096;
  static constexpr double kPast = 0.95;

  /// `weights` is the flat buffer that the optimiser writes.
  explicit DriftProbe(const at::Tensor& weights);

  /// A training forward. `direction` is called with the stride if this micro-batch is followed.
  void on_forward(const MicrobatchId& id,
                  const std::function<at::Tensor(std::int64_t stride)>& direction);
  void on_backward(const MicrobatchId& id);
  void forget(const MicrobatchId& id);
  void forget_all() { followed_.reset(); }
  const Drift& drift() const { return drift_; }

 private:
  struct Followed {
    MicrobatchId id;
    at::Tensor weights;    // (sample) at the forward
    at::Tensor direction;  // (sample)
  };

  at::Tensor sample_;  // of the live weights, a view
  std::int64_t stride_ = 1;
  double scale_ = 1;  // from the norm of the sample to the stage's
  std::optional<Followed> followed_;
  Drift drift_;
};

}  // namespace brigade::stage

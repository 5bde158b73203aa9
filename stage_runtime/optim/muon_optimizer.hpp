// Muon over a stage's flat buffers: orthogonalised momentum for the matrices of the blocks (q, k
// and v apart), Nesterov's Adam for the rest; docs/method.md, "nesterov-muon".
//
// The first moment of every parameter is its momentum. The second is v where Adam rules, and for a
// matrix the direction of its newest step, which the look-ahead goes along.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "stage_runtime/optim/muon.hpp"
#include "stage_runtime/optim/optimizer.hpp"

namespace brigade::stage {

class MuonOptimizer final : public Optimizer {
 public:
  MuonOptimizer(const MethodSettings& settings, const Layout& layout, Arena& arena, Device& device);

  Result<> step(const StepSettings& settings, OptimizerCounters& counters) override;
  Result<> look_ahead(const OptimizerCounters& counters) override { return shift(counters, 1); }
  Result<> look_back(const OptimizerCounters& counters) override { return shift(counters, -1); }
  at::Tensor momentum_direction(const OptimizerCounters& counters,
                                std::int64_t stride) const override;

 private:
  /// Contiguous elements of the flat buffers that are treated alike.
  struct Range {
    std::int64_t offset = 0;
    std::int64_t size = 0;
    bool is_matrix = false;
  };
  /// One matrix of a parameter, as a view of the directions, lying down (rows ≤ columns).
  using Matrices = std::vector<at::Tensor>;

  void add_matrices(const Parameter& parameter);
  void orthogonalise();
  Result<> shift(const OptimizerCounters& counters, double sign);
  at::Tensor part(const at::Tensor& buffer, const Range& range) const;

  MethodSettings settings_;
  Arena& arena_;
  Device& device_;
  std::vector<Range> ranges_;
  std::vector<Matrices> groups_;  // of equal shape: one batch of products each
};

}  // namespace brigade::stage

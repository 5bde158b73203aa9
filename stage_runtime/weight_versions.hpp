// Which version of the weights a forward reads, and how long it must stay readable. One version is
// stored, the flat buffer that the optimiser writes, unless the method asks for older ones: then a
// version that is still needed is copied right before it would be overwritten.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "stage_runtime/method/method.hpp"
#include "stage_runtime/modules.hpp"

namespace brigade::stage {

class WeightVersions {
 public:
  /// `live` is the flat buffer that the modules read and the optimiser writes. `accumulate` is K.
  WeightVersions(const Layout& layout, const Slice& slice, at::Tensor live, WeightsPolicy policy,
                 std::uint32_t accumulate);

  const ModelTensors& newest() const { return *newest_; }
  /// For the next training forward; null where its backward reads the newest weights of its own
  /// time. A holder sees the same values until it lets go.
  std::shared_ptr<const ModelTensors> take_for_forward();
  /// To be called before the optimiser's pass.
  void before_update();
  /// To be called before any other change of the weights: no version of its own, but whoever holds
  /// the newest goes on seeing it as it was.
  void before_blend();
  /// Everything older is let go; counting of groups starts anew.
  void forget_all();
  /// Stored now, the newest included.
  std::uint32_t count() const;

 private:
  /// The newest so far gets a copy of the weights for itself.
  std::shared_ptr<ModelTensors> part_from_live();

  const Layout& layout_;
  Slice slice_;
  at::Tensor live_;
  WeightsPolicy policy_;
  std::uint32_t accumulate_;
  std::uint64_t forwards_ = 0;
  std::uint64_t updates_ = 0;
  std::shared_ptr<ModelTensors> newest_;
  std::shared_ptr<ModelTensors> before_;  // of the update before; kGroupBefore only
  std::vector<std::weak_ptr<ModelTensors>> older_;
};

}  // namespace brigade::stage

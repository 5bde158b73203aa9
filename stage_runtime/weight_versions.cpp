#include "stage_runtime/weight_versions.hpp"

#include <algorithm>
#include <utility>

namespace brigade::stage {

WeightVersions::WeightVersions(const Layout& layout, const Slice& slice, at::Tensor live,
                               WeightsPolicy policy, std::uint32_t accumulate)
    : layout_(layout),
      slice_(slice),
      live_(std::move(live)),
      policy_(policy),
      accumulate_(accumulate),
      newest_(std::make_shared<ModelTensors>(ModelTensors::view(layout_, slice_, live_))) {}

std::shared_ptr<const ModelTensors> WeightVersions::take_for_forward() {
  switch (policy_) {
    case WeightsPolicy::kNewest:
      return nullptr;
    case WeightsPolicy::kForward:
      return newest_;
    case WeightsPolicy::kGroupBefore:
      break;
  }
  // Micro-batch n reads version max(0, n/K − 1): the newest, or, where this stage has updated once
  // more already, the one before.
  const std::uint64_t group = forwards_++ / accumulate_;
  const std::uint64_t wanted = group > 0 ? group - 1 : 0;
  return wanted >= updates_ || before_ == nullptr ? newest_ : before_;
}

void WeightVersions::before_update() {
  ++updates_;
  if (policy_ == WeightsPolicy::kGroupBefore) {
    before_ = part_from_live();
  } else {
    before_blend();
  }
}

void WeightVersions::before_blend() {
  if (newest_.use_count() > 1) part_from_live();
}

std::shared_ptr<ModelTensors> WeightVersions::part_from_live() {
  *newest_ = ModelTensors::view(layout_, slice_, live_.clone());
  std::erase_if(older_, [](const auto& version) { return version.expired(); });
  older_.push_back(newest_);
  return std::exchange(newest_,
                       std::make_shared<ModelTensors>(ModelTensors::view(layout_, slice_, live_)));
}

void WeightVersions::forget_all() {
  forwards_ = updates_ = 0;
  before_.reset();
}

std::uint32_t WeightVersions::count() const {
  const auto held =
      std::ranges::count_if(older_, [](const auto& version) { return !version.expired(); });
  return 1 + static_cast<std::uint32_t>(held);
}

}  // namespace brigade::stage

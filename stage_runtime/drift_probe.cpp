#include "stage_runtime/drift_probe.hpp"

#include <ATen/ops/dot.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/sub.h>

#include <cmath>

namespace brigade::stage {

DriftProbe::DriftProbe(const at::Tensor& weights) {
  const std::int64_t size = weights.numel();
  // Odd, so that it walks through the columns of every matrix.
  stride_ = (size + kSample - 1) / kSample | 1;
  sample_ = weights.slice(0, 0, size, stride_);
  scale_ = std::sqrt(static_cast<double>(stride_));
}

void DriftProbe::on_forward(const MicrobatchId& id,
                            const std::function<at::Tensor(std::int64_t stride)>& direction) {
  // Forwarded again, it counts from the newest forward.
  if (followed_.has_value() && followed_->id != id) return;
  followed_ = Followed{id, sample_.clone(), direction(stride_)};
}

void DriftProbe::on_backward(const MicrobatchId& id) {
  if (!followed_.has_value() || followed_->id != id) return;
  const at::Tensor change = at::sub(sample_, followed_->weights);
  const double length = change.norm().item().toDouble();
  const double reach = followed_->direction.norm().item().toDouble();
  const double product = change.dot(followed_->direction).item().toDouble();
  followed_.reset();
  if (!(length > 0 && reach > 0)) return;
  const double past = drift_.samples == 0 ? 0 : kPast;
  drift_.cosine = past * drift_.cosine + (1 - past) * (product / (length * reach));
  drift_.norm = past * drift_.norm + (1 - past) * (scale_ * length);
  drift_.samples += 1;
}

void DriftProbe::forget(const MicrobatchId& id) {
  if (followed_.has_value() && followed_->id == id) followed_.reset();
}

}  // namespace brigade::stage

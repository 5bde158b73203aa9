#include "daemon/stability_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace brigade::daemon {
namespace {

// Weight on the past: about the last hundred losses, the last twenty norms.
constexpr double kPastLoss = 0.99;
constexpr double kPastNorm = 0.95;
constexpr std::uint64_t kSettling = 20;  // updates until the mean norm means something

}  // namespace

void StabilityWatch::on_loss(double loss) {
  loss_ = loss_.has_value() ? kPastLoss * *loss_ + (1 - kPastLoss) * loss : loss;
}

bool StabilityWatch::is_exploding() const {
  return updates_ >= kSettling && norm_ > kExploding && norm_ > kGrowth * lowest_norm_;
}

std::optional<std::string> StabilityWatch::on_update(double norm) {
  norm_ = updates_ == 0 ? norm : kPastNorm * norm_ + (1 - kPastNorm) * norm;
  updates_ += 1;
  if (updates_ >= kSettling) lowest_norm_ = std::min(lowest_norm_, norm_);
  if (!is_exploding()) {
    exploding_for_ = 0;
    return std::nullopt;
  }
  if (exploding_for_ == 0) loss_before_ = loss_.value_or(0);
  exploding_for_ += 1;
  if (exploding_for_ % kPatience != 0) return std::nullopt;
  const bool falls = loss_.has_value() && *loss_ < loss_before_ - kFall;
  loss_before_ = loss_.value_or(0);
  if (falls || (told_at_.has_value() && updates_ - *told_at_ < kReminder)) return std::nullopt;
  told_at_ = updates_;
  return fmt::format(
      "training looks unstable: gradient norm {:.0f} for {} updates, lowest so far {:.1f}{}; go "
      "back to a checkpoint from before and lower method.learning_rate or run.window",
      norm_, exploding_for_, lowest_norm_,
      loss_.has_value() ? fmt::format(", and the loss stays at {:.2f}", *loss_) : "");
}

}  // namespace brigade::daemon

// Training that has become unstable shows as a plateau of the loss under gradient norms far above
// what they were, long before anything is NaN (docs/method.md, "Instability"). Pure.
//
// Rules
// - Exploding: the mean norm of the last updates is above kExploding, and kGrowth times the lowest
//   that this stage has had. Both: a model's healthy norm is its own, and below 5 all is well.
// - Looked at after each kPatience updates of it: plateau is where the mean loss has fallen by less
//   than kFall meanwhile. Only the head sees the loss; another stage tells of its norms alone.
// - Told once in kReminder updates.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace brigade::daemon {

class StabilityWatch {
 public:
  static constexpr double kExploding = 20;
  static constexpr double kGrowth = 4;
  static constexpr double kFall = 0.02;  // nats a token
  static constexpr std::uint64_t kPatience = 200;
  static constexpr std::uint64_t kReminder = 5000;

  /// nats a token, of one micro-batch.
  void on_loss(double loss);
  /// L2 norm of a stage's gradient before clipping. Text where a warning is due.
  std::optional<std::string> on_update(double norm);

 private:
  bool is_exploding() const;

  double norm_ = 0;
  double lowest_norm_ = std::numeric_limits<double>::infinity();
  std::optional<double> loss_;
  double loss_before_ = 0;  // at the last look
  std::uint64_t updates_ = 0;
  std::uint64_t exploding_for_ = 0;
  std::optional<std::uint64_t> told_at_;  // updates
};

}  // namespace brigade::daemon

// A method is data: which optimiser, which weights a forward and its backward see, when a stage
// updates, and how staleness corrects momentum and learning rate. docs/method.md has the formulas;
// each method is one small file of this folder, listed in registry.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

enum class OptimizerKind : std::uint8_t { kAdamW, kNadam, kMuon };
std::string_view name_of(OptimizerKind kind);  // "adamw", "nadam", "muon"
std::optional<OptimizerKind> find_optimizer(std::string_view name);

/// The version that the forward of a micro-batch and its backward read.
enum class WeightsPolicy : std::uint8_t {
  kNewest,       // both the newest of their time: one version is stored
  kForward,      // both the newest at the forward: up to τ+1 versions
  kGroupBefore,  // both the version of the group of K micro-batches before: two versions
};

enum class UpdatePolicy : std::uint8_t {
  kAsynchronous,  // after every K-th backward, nothing waits
  kFlush,         // after M backwards, with nothing in flight
};

/// How late gradients are at this stage.
struct Delay {
  double microbatches = 0;  // δ
  double updates = 0;       // τ
};

struct Method {
  std::string_view name;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  WeightsPolicy weights = WeightsPolicy::kNewest;
  UpdatePolicy update = UpdatePolicy::kAsynchronous;
  /// β1 of this stage; P = stages.
  double (*beta1)(const MethodSettings& settings, std::uint32_t stages, const Delay& delay);
  /// What the scheduled learning rate is divided by at update u.
  double (*rate_divisor)(const MethodSettings& settings, const Delay& delay, std::uint64_t update);
};

/// kBadInput names the methods there are.
Result<const Method*> find_method(std::string_view name);
std::span<const Method* const> all_methods();

/// Settings that no run can have: negative rates, momentum of 1 and above, K of 0.
Result<> check_settings(const MethodSettings& settings);

/// δ and τ by the settings' source: measured from `order`, nominal P−1−i, or fixed.
Delay effective_delay(const MethodSettings& settings, const Slice& slice, const UpdateOrder& order);

/// Corrections that several methods share.
double plain_beta1(const MethodSettings& settings, std::uint32_t stages, const Delay& delay);
double stage_beta1(const MethodSettings& settings, std::uint32_t stages, const Delay& delay);
double no_divisor(const MethodSettings& settings, const Delay& delay, std::uint64_t update);
double annealed_divisor(const MethodSettings& settings, const Delay& delay, std::uint64_t update);
double root_divisor(const MethodSettings& settings, const Delay& delay, std::uint64_t update);

/// The method's own optimiser, or the one that the settings give a synchronous method instead.
OptimizerKind optimizer_of(const Method& method, const MethodSettings& settings);

}  // namespace brigade::stage

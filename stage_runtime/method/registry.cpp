#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "stage_runtime/method/methods.hpp"

namespace brigade::stage {
namespace {

constexpr std::array kMethods{
    &kNesterov, &kNesterovMuon, &kNesterovStash, &kPaci,  &kPipedream,
    &kPipemare, &kTwoBuffered,  &kAsync,         &kGpipe, &kOneForwardOneBackward};

constexpr std::array<std::string_view, 3> kOptimizers{"adamw", "nadam", "muon"};

struct Bound {
  std::string_view field;
  double value;
  double least;
  double below;
};

}  // namespace

std::span<const Method* const> all_methods() {
  return kMethods;
}

Result<const Method*> find_method(std::string_view name) {
  std::string known;
  for (const Method* method : kMethods) {
    if (method->name == name) return method;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", method->name);
  }
  return make_error(ErrorCode::kBadInput,
                    fmt::format("method \"{}\" is not known; choose one of {}", name, known));
}

std::string_view name_of(OptimizerKind kind) {
  return kOptimizers.at(static_cast<std::size_t>(kind));
}

std::optional<OptimizerKind> find_optimizer(std::string_view name) {
  const auto found = std::ranges::find(kOptimizers, name);
  if (found == kOptimizers.end()) return std::nullopt;
  return static_cast<OptimizerKind>(found - kOptimizers.begin());
}

Result<> check_settings(const MethodSettings& settings) {
  if (settings.accumulate == 0) {
    return make_error(ErrorCode::kBadInput,
                      "method: accumulate = 0 is not possible; use 1 or more");
  }
  const std::array bounds{
      Bound{"learning_rate", settings.learning_rate, 0, 1e3},
      Bound{"final_ratio", settings.final_ratio, 0, 1e3},
      Bound{"warmup_start", settings.warmup_start, 0, 1e3},
      Bound{"weight_decay", settings.weight_decay, 0, 1e3},
      Bound{"clip", settings.clip, 0, 1e30},
      Bound{"beta1", settings.beta1, 0, 1},
      Bound{"beta1_max", settings.beta1_max, 0, 1},
      Bound{"beta2", settings.beta2, 0, 1},
      Bound{"epsilon", settings.epsilon, 0, 1},
      Bound{"momentum_decay", settings.momentum_decay, 0, 1},
      Bound{"tau", settings.tau_fixed, 0, 1e6},
      Bound{"look_ahead", settings.look_ahead, 0, 10},
  };
  for (const Bound& bound : bounds) {
    if (bound.value >= bound.least && bound.value < bound.below) continue;
    return make_error(ErrorCode::kBadInput,
                      fmt::format("method: {} = {} is not possible; it must be at least {} and "
                                  "below {}",
                                  bound.field, bound.value, bound.least, bound.below));
  }
  if (settings.average_share > 0 && settings.average_share <= 1) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("method: average_share = {} is not possible; it must be above 0 "
                                "and at most 1",
                                settings.average_share));
}

}  // namespace brigade::stage

#include "config/methods.hpp"

#include <algorithm>
#include <array>

namespace brigade::config {
namespace {

// Rates: tuned on small models (docs/method.md, "What was measured").
constexpr std::array kMethods{
    Method{"nesterov", false, false, false, 6e-4,
           "NAdam, newest weights, corrected for the measured delay"},
    Method{"nesterov-muon", false, false, false, 1e-2,
           "orthogonalised momentum and a look-ahead, newest weights"},
    Method{"nesterov-stash", false, false, false, 6e-4,
           "NAdam on the forward's own weights (stashed)"},
    Method{"paci", false, true, true, 1e-3, "AdamW, newest weights, an update every K ≥ delay"},
    Method{"pipedream", false, false, false, 3e-4, "AdamW on the forward's own weights (stashed)"},
    Method{"pipemare", false, false, false, 3e-4, "AdamW, newest weights, learning rate corrected"},
    Method{"2bw", false, true, false, 3e-4,
           "AdamW on the version of the group before (two versions)"},
    Method{"async", false, false, false, 3e-4, "AdamW, newest weights, no correction: a baseline"},
    Method{"gpipe", true, true, false, 3e-3,
           "AdamW, synchronous: an update every M, after a flush"},
    Method{"1f1b", true, true, false, 3e-3, "as gpipe, with backwards as early as they can be"},
};

constexpr auto kMethodNames = [] {
  std::array<std::string_view, kMethods.size()> names;
  std::transform(kMethods.begin(), kMethods.end(), names.begin(),
                 [](const Method& method) { return method.name; });
  return names;
}();

constexpr std::array<std::string_view, 2> kOptimizerNames{"auto", "muon"};
constexpr std::array<std::string_view, 3> kCodecNames{"fp32", "bf16", "int8"};

}  // namespace

std::span<const Method> methods() {
  return kMethods;
}

const Method* find_method(std::string_view name) {
  const auto* found = std::find_if(kMethods.begin(), kMethods.end(),
                                   [&](const Method& method) { return method.name == name; });
  return found == kMethods.end() ? nullptr : found;
}

std::span<const std::string_view> method_names() {
  return kMethodNames;
}

std::span<const std::string_view> optimizer_names() {
  return kOptimizerNames;
}

std::span<const std::string_view> codec_names() {
  return kCodecNames;
}

}  // namespace brigade::config

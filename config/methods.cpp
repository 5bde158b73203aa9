#include "config/methods.hpp"

#include <algorithm>
#include <array>

namespace brigade::config {
namespace {

constexpr std::array kMethods{
    Method{"nesterov", false, true, "NAdam, newest weights, corrected for the measured delay"},
    Method{"nesterov-muon", false, false, "orthogonalised momentum under the same rules"},
    Method{"nesterov-stash", false, false, "NAdam on the forward's own weights (stashed)"},
    Method{"paci", false, false, "AdamW, newest weights, an update every K ≥ delay"},
    Method{"pipedream", false, false, "AdamW on the forward's own weights (stashed)"},
    Method{"pipemare", false, false, "AdamW, newest weights, learning rate corrected"},
    Method{"2bw", false, false, "AdamW on the version of the group before (two versions)"},
    Method{"async", false, false, "AdamW, newest weights, no correction: a baseline"},
    Method{"gpipe", true, true, "AdamW, synchronous: an update every M, after a flush"},
    Method{"1f1b", true, false, "as gpipe, with backwards as early as they can be"},
};

constexpr auto kMethodNames = [] {
  std::array<std::string_view, kMethods.size()> names;
  std::transform(kMethods.begin(), kMethods.end(), names.begin(),
                 [](const Method& method) { return method.name; });
  return names;
}();

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

std::string available_methods() {
  std::string names;
  for (const Method& method : kMethods) {
    if (!method.is_available) continue;
    if (!names.empty()) names += ", ";
    names += method.name;
  }
  return names;
}

std::span<const std::string_view> method_names() {
  return kMethodNames;
}

std::span<const std::string_view> codec_names() {
  return kCodecNames;
}

}  // namespace brigade::config

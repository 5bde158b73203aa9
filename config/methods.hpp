// The methods and codecs by name: the one place to change when one more is built.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade::config {

struct Method {
  std::string_view name;
  bool is_synchronous = false;  // groups of `accumulate`, a flush, one update
  bool has_groups = false;     // updates cover P micro-batches where swarm.toml says "auto", else 1
  bool groups_follow = false;  // and as many as the measured delay where that is larger
  double learning_rate = 0;    // peak, where swarm.toml says "auto"
  std::string_view meaning;
};

std::span<const Method> methods();
const Method* find_method(std::string_view name);  // null: unknown

std::span<const std::string_view> method_names();
std::span<const std::string_view> optimizer_names();  // of the synchronous methods
std::span<const std::string_view> codec_names();

}  // namespace brigade::config

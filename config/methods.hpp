// The methods and codecs that Brigade knows by name, and which of them this version can run. The
// one place to change when one more is built.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade::config {

struct Method {
  std::string_view name;
  bool is_synchronous = false;  // groups of `accumulate`, a flush, one update
  bool is_available = false;
  std::string_view meaning;
};

std::span<const Method> methods();
const Method* find_method(std::string_view name);  // null: unknown
std::string available_methods();                   // "nesterov, gpipe"

std::span<const std::string_view> method_names();
std::span<const std::string_view> codec_names();

}  // namespace brigade::config

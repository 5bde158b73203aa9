// What TOML text must be before a parser sees it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade::config {

/// Refuses what TOML forbids and the parser reports late, vaguely or not at all: bytes that are no
/// UTF-8, control characters, and characters beyond ASCII outside strings and comments. Errors name
/// line and column.
Result<> check_toml_text(std::string_view text, const std::string& origin);

}  // namespace brigade::config

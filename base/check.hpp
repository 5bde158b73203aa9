// BRIGADE_CHECK: always on, for bugs of ours alone. Never reachable from a peer, a user or a file.
#pragma once

#include <string>
#include <string_view>

namespace brigade {

/// Prints the condition, the place and `detail` to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               std::string_view detail);

}  // namespace brigade

/// BRIGADE_CHECK(condition) or BRIGADE_CHECK(condition, "detail: " + text); `detail` is built only
/// on failure.
#define BRIGADE_CHECK(condition, ...) \
  (static_cast<bool>(condition)       \
       ? static_cast<void>(0)         \
       : ::brigade::check_failed(#condition, __FILE__, __LINE__, ::std::string{__VA_ARGS__}))

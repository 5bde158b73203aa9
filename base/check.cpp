#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace brigade {

void check_failed(const char* condition, const char* file, int line, std::string_view detail) {
  std::fprintf(stderr, "%s:%d: BRIGADE_CHECK(%s) failed%s%.*s\n", file, line, condition,
               detail.empty() ? "" : ": ", static_cast<int>(detail.size()), detail.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace brigade

// What a fuzz target demands of the code under test, in every build.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/result.hpp"

/// Ends the program with the broken demand, so that libFuzzer keeps the input.
#define FUZZ_DEMAND(condition)                                                     \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

namespace brigade::fuzz {

/// An error for people: one line, not empty, not endless, no full stop.
inline void demand_readable(const Error& error) {
  constexpr std::size_t kLongest = 1000;
  FUZZ_DEMAND(!error.message.empty());
  FUZZ_DEMAND(error.message.size() < kLongest);
  FUZZ_DEMAND(error.message.find('\n') == std::string::npos);
  FUZZ_DEMAND(error.message.back() != '.');
}

}  // namespace brigade::fuzz

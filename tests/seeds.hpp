// How many drawn scenarios a test runs: all of them in a release build, a tenth under sanitizers,
// where each takes some fifteen times as long and what counts is that all the code is run.
#pragma once

#include <cstdint>

namespace brigade::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

constexpr std::uint64_t seeds(std::uint64_t all) {
  if (!kIsSanitized) return all;
  return all < 10 ? 1 : all / 10;
}

}  // namespace brigade::test

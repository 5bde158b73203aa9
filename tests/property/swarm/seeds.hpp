// Seeds of the property tests. A failure prints its seed; BRIGADE_SEED replays one.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "tests/catch.hpp"

namespace brigade::swarm::test {

/// Runs `property` once a seed, and says the seed when it fails.
template <class Property>
void for_seeds(std::uint64_t count, const Property& property) {
  std::uint64_t first = 1;
  if (const char* chosen = std::getenv("BRIGADE_SEED")) {
    first = std::strtoull(chosen, nullptr, 10);
    count = 1;
  }
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    INFO("replay with BRIGADE_SEED=" << seed);
    property(seed);
  }
}

}  // namespace brigade::swarm::test

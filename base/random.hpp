// Seeded randomness. Counter-based where a value must be a pure function of its coordinates.
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace brigade {

/// A pure function of its arguments: mix_seed(seed, a, b) names an independent stream.
constexpr std::uint64_t mix_seed(std::uint64_t seed) {
  return mix64(seed);
}
template <class... Rest>
constexpr std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t first, Rest... rest) {
  return mix_seed(mix64(seed) ^ mix64(first + 0x632be59bd9b4e019ULL),
                  static_cast<std::uint64_t>(rest)...);
}

/// SplitMix64 as a generator: small, fast, the same on every machine. Meets
/// UniformRandomBitGenerator; use the members below, since std distributions differ by library.
__extension__ using Uint128 = unsigned __int128;  // both compilers have it

class Random {
 public:
  using result_type = std::uint64_t;
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  constexpr result_type operator()() {
    const std::uint64_t value = mix64(state_);
    state_ += 0x9e3779b97f4a7c15ULL;
    return value;
  }

  /// Uniform in [0, bound), bound > 0; multiply-shift, bias below 2^-64·bound.
  constexpr std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Uint128>((*this)()) * bound) >> 64);
  }
  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
  constexpr bool chance(double probability) { return uniform() < probability; }

 private:
  std::uint64_t state_;
};

}  // namespace brigade

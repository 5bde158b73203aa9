#include "sim/models.hpp"

#include <cmath>

namespace brigade::sim {

Duration Distribution::sample(Random& random) const {
  switch (kind) {
    case Kind::kConstant:
      return base;
    case Kind::kUniform:
      if (spread <= Duration::zero()) return base;
      return base + Duration{static_cast<Duration::rep>(
                        random.below(static_cast<std::uint64_t>(spread.count())))};
    case Kind::kLogLogistic: {
      const double u = random.uniform();
      const double odds = std::sqrt(u / (1.0 - u));
      const double factor = odds < kTailCut ? odds : kTailCut;
      return base +
             Duration{static_cast<Duration::rep>(static_cast<double>(spread.count()) * factor)};
    }
  }
  return base;
}

Distribution constant(Duration base) {
  return {Distribution::Kind::kConstant, base, {}};
}

Distribution uniform(Duration base, Duration spread) {
  return {Distribution::Kind::kUniform, base, spread};
}

Distribution long_tail(Duration base, Duration spread) {
  return {Distribution::Kind::kLogLogistic, base, spread};
}

}  // namespace brigade::sim

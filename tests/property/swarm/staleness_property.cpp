// The meter, and what a node reports of it, beside a count of every forward, backward and update.
#include "swarm/staleness_meter.hpp"

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {

TEST_CASE("the running means are the weighted sums that the method page writes down") {
  for_seeds(50, [](std::uint64_t seed) {
    Random random(seed);
    Options options;
    options.stages = static_cast<std::uint32_t>(1 + random.below(16));
    options.stage = StageIndex{static_cast<std::uint32_t>(random.below(options.stages))};
    options.accumulate = static_cast<std::uint32_t>(1 + random.below(8));
    StalenessMeter meter(options);
    const double nominal = options.stages - 1.0 - options.stage.value();
    std::vector<std::uint64_t> delays;
    double most = 0;
    for (int i = 0; i < 300; ++i) {
      delays.push_back(random.below(20));
      const std::uint64_t staleness = delays.back() / options.accumulate;
      most = std::max(most, static_cast<double>(staleness));
      meter.note(delays.back(), staleness);
    }
    const auto n = static_cast<double>(delays.size());
    double delay = std::pow(0.99, n) * nominal;
    double staleness = std::pow(0.99, n) * nominal / options.accumulate;
    for (std::size_t i = 0; i < delays.size(); ++i) {
      const double weight = 0.01 * std::pow(0.99, n - 1 - static_cast<double>(i));
      delay += weight * static_cast<double>(delays[i]);
      staleness += weight * static_cast<double>(delays[i] / options.accumulate);
    }
    REQUIRE(meter.delay_microbatches() == Approx(delay).epsilon(1e-9));
    REQUIRE(meter.staleness_updates() == Approx(staleness).epsilon(1e-9));
    REQUIRE(meter.staleness_max() == most);
  });
}

}  // namespace brigade::swarm::test

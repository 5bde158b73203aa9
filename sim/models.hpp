// Models of what surrounds the cores: links, devices, disks. Data; sampled with seeded randomness.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/random.hpp"
#include "base/time.hpp"

namespace brigade::sim {

/// How long something takes. Only operations that IEEE 754 rounds correctly, so that a seed gives
/// the same virtual times on every machine (exp and log of two C libraries differ in the last bit).
struct Distribution {
  enum class Kind : std::uint8_t {
    kConstant,     // base
    kUniform,      // base + [0, spread)
    kLogLogistic,  // base + spread · sqrt(u / (1 − u)): median base + spread and a long tail, like
                   // a log-normal; cut at base + kTailCut · spread
  };
  static constexpr double kTailCut = 30;

  Kind kind = Kind::kConstant;
  Duration base{};
  Duration spread{};

  Duration sample(Random& random) const;
};

Distribution constant(Duration base);
Distribution uniform(Duration base, Duration spread);
Distribution long_tail(Duration base, Duration spread);

/// One stream in each direction. With a bandwidth, small messages go before gradients, gradients
/// before activations, and long ones leave in parts, as in daemon/; what has left arrives in order.
struct LinkModel {
  Distribution latency = constant(std::chrono::milliseconds{1});
  std::uint64_t bytes_per_second = 0;  // 0: serialisation takes no time
  // Bursts: now and then the link stands still for a while, and what waited arrives together.
  Distribution stall = constant(Duration::zero());
  Distribution between_stalls = constant(Duration::zero());  // zero: it never stands still
  double loss = 0;                                           // probability that a message vanishes
  double duplicate = 0;  // probability that a message arrives twice
  // Until an end notices that the link broke, and until a new stream is up once it can be.
  Distribution detection = uniform(std::chrono::milliseconds{50}, std::chrono::milliseconds{100});
  Distribution redial = uniform(std::chrono::milliseconds{20}, std::chrono::milliseconds{50});
};

struct DeviceModel {
  Duration forward = std::chrono::milliseconds{2};
  Duration backward = std::chrono::milliseconds{4};
  Duration update = std::chrono::microseconds{500};
  Duration snapshot = std::chrono::microseconds{300};
  Duration restore = std::chrono::milliseconds{20};
  Duration share = std::chrono::microseconds{300};  // replicas: parts of the weights are copied
  Duration blend = std::chrono::microseconds{500};
  double jitter = 0;  // each task takes up to this part longer
  // And up to this part longer for as long as this, all devices alike: they share one machine,
  // with others.
  double mood = 0;
  Duration mood_lasts = std::chrono::seconds{2};
  double reject = 0;  // probability that the bytes of a peer do not decode
};

struct DiskModel {
  Distribution store = constant(std::chrono::milliseconds{15});
  double store_failure = 0;
  double restore_failure = 0;
};

}  // namespace brigade::sim

// A scenario of a swarm with replicas, as data: what sim/scenario.hpp is for a line. Who has links
// with whom: sim/swarm_links.hpp. Run it with sim/swarm_world.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sim/models.hpp"
#include "swarm/options.hpp"

namespace brigade::sim {

/// Something that goes wrong at `at` and is over `lasts` later.
struct SwarmFault {
  enum class Kind : std::uint8_t {
    kKill,    // target host dies, and starts again with nothing; `lasts` of zero: never
    kFreeze,  // target host stands still, as after SIGSTOP
    kCut,     // the link between target and other; both ends notice
    kMute,    // what target sends to other vanishes, and nobody notices
    kSplit,   // no link between hosts of even and of odd replicas
    kSlow,    // target host's device takes `factor` times as long
    kLeave,   // target host is asked to stop, with `lasts` until the deadline, and does not return
    kDrain,   // … without a deadline, and takes up again as another instance after `lasts`
  };
  Kind kind = Kind::kKill;
  Duration at{};
  std::uint32_t target = 0;
  std::uint32_t other = 0;
  Duration lasts{};
  double factor = 1;
};

struct SwarmScenario {
  std::string name;
  std::string about;  // one line

  std::uint32_t stages = 3;
  std::uint32_t replicas = 2;         // of each stage: host = stage · replicas + replica
  std::vector<std::uint32_t> placed;  // instead, the stage of each host
  /// With how many of each stage beside its own a host chooses to have links, and with how many of
  /// its own (others choose it too); 0: with all.
  std::uint32_t links_beside = 0;
  std::uint32_t links_own = 0;
  swarm::Options options;
  std::uint64_t activation_bytes = 64 * 1024;
  std::uint32_t tokens = 1024;

  LinkModel link;
  std::vector<LinkModel> lines;  // instead, of each host to the middle of the net
  DeviceModel device;
  DiskModel disk;
  std::vector<std::pair<std::uint32_t, double>> slowness;  // host, times as long
  Duration start_spread{};
  /// Say that they are the quickest of all, take everything, and give no tensor away.
  std::vector<std::uint32_t> liars;

  std::vector<SwarmFault> faults;
  Duration heals_at{};         // nothing fails any more; who was killed for good stays away
  bool ends_unhealed = false;  // stops at `heals_at` as it is
  /// After `heals_at`: then every head is as far as `steps`, and all is applied and let go.
  Duration bound = std::chrono::minutes{10};

  std::uint32_t hosts() const {
    return placed.empty() ? stages * replicas : static_cast<std::uint32_t>(placed.size());
  }
  bool is_liar(std::uint32_t host) const { return std::ranges::find(liars, host) != liars.end(); }
  std::uint32_t stage_of(std::uint32_t host) const {
    return placed.empty() ? host / replicas : placed[host];
  }
  std::uint32_t hosts_of(std::uint32_t stage) const {
    if (placed.empty()) return stage < stages ? replicas : 0;
    return static_cast<std::uint32_t>(std::ranges::count(placed, stage));
  }
};

const std::vector<SwarmScenario>& swarm_scenarios();
const SwarmScenario* find_swarm_scenario(std::string_view name);
/// A whole scenario drawn from a seed.
SwarmScenario random_swarm_scenario(std::uint64_t seed);

}  // namespace brigade::sim

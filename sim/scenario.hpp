// A scenario as data: a workload, the links, devices and disks under it, faults on a timeline, and
// how it must end. Run it with sim/world.hpp.
#pragma once

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
struct Fault {
  enum class Kind : std::uint8_t {
    kBreakLink,   // target link; what is in flight is lost, both ends notice
    kSilentLink,  // target link; messages vanish and nobody notices
    kCrash,       // target host; it restarts after `lasts` with what its disk has
    kWipe,        // the same, and its disk is empty then
    kSlow,        // target host; its device takes `factor` times as long
    kNarrowLink,  // target link; bytes take `factor` times as long
    kFarLink,     // target link; the way takes `factor` times as long
    kRejecting,   // target host; with probability `factor` a peer's bytes do not decode
    kDiskFull,    // target host; writes fail
    kStop,        // target host is asked to stop, with `lasts` until the deadline (0: without)
  };
  Kind kind = Kind::kBreakLink;
  Duration at{};
  std::uint32_t target = 0;
  Duration lasts{};
  double factor = 1;
};

/// How the run must end, within `Scenario::bound` of virtual time.
enum class Ending : std::uint8_t {
  kFinished,  // every step applied at every stage, evaluated, committed, every node over
  kStopped,   // asked to stop: what was drawn is applied at every stage, every node over
  kSaved,    // the deadline of a stop may come first: every node over, what it could save is saved;
             // with faults that heal, every node is then asked to stop
  kBlocked,  // refuses to start over
};

struct Scenario {
  std::string name;
  std::string about;  // one line

  // Workload. `options` is a node's; self, stage and seed are filled in for each.
  std::uint32_t stages = 8;
  swarm::Options options;
  std::uint64_t activation_bytes = 64 * 1024;
  std::uint32_t tokens = 1024;  // of one micro-batch: what its loss is summed over

  // The world.
  LinkModel link;
  std::vector<std::pair<std::uint32_t, LinkModel>> other_links;
  DeviceModel device;
  std::vector<std::pair<std::uint32_t, DeviceModel>> other_devices;
  DiskModel disk;
  Duration start_spread{};  // nodes start at a random time within this

  // Faults: the timeline, and from when on nothing fails any more (losses included).
  std::vector<Fault> faults;
  Duration heals_at = Duration::zero();

  Ending ending = Ending::kFinished;
  Duration bound = std::chrono::minutes{10};  // after `heals_at`
  /// The final weights must equal those of the schedule worked through by hand (sim/reference.hpp):
  /// for lock-step and gpipe, where nothing that a network does may change them.
  bool has_exact_weights = false;
};

/// The table of standard scenarios, each with a name and a line about it.
const std::vector<Scenario>& standard_scenarios();
/// One of the table, or null.
const Scenario* find_scenario(std::string_view name);

/// A whole scenario drawn from a seed: every option, model and fault.
Scenario random_scenario(std::uint64_t seed);

/// `scenario` for people: one line a setting that matters.
std::string describe(const Scenario& scenario);

}  // namespace brigade::sim

// A scenario drawn from a seed: options, models and faults are all redrawn, so that no constant of
// the tables is what makes the protocol work.
#include <algorithm>

#include "base/random.hpp"
#include "sim/drawn.hpp"
#include "sim/scenario.hpp"

namespace brigade::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kSalt = 0x5ce9a210;
constexpr std::uint64_t kLinksSalt = 0x5ce9a211;
constexpr std::uint64_t kGroupsSalt = 0x5ce9a212;

void draw_workload(Random& random, Scenario& scenario) {
  scenario.stages = random.chance(0.05) ? 1 : pick(random, 2, 8);
  swarm::Options& options = scenario.options;
  options.steps = random.chance(0.2) ? pick(random, 1, 20) : pick(random, 20, 400);
  options.window = pick(random, 1, 2 * scenario.stages);
  if (random.chance(0.3)) options.accumulate = pick(random, 2, 6);
  if (random.chance(0.25)) {
    options.schedule = random.chance(0.5) ? swarm::Schedule::kGpipe : swarm::Schedule::k1f1b;
    options.accumulate = pick(random, 1, 6);
  } else if (random.chance(0.15)) {
    options.lock_step = true;
    options.window = scenario.stages;
  }
  if (random.chance(0.7)) options.checkpoint_every = pick(random, 1, 40);
  options.keep_checkpoints = pick(random, 1, 3);
  if (random.chance(0.5)) options.eval_every = pick(random, 3, 30);
  options.eval_batches = options.eval_every > 0 ? pick(random, 1, 3) : 0;
  options.final_eval_batches = pick(random, 0, 3);
  options.eval_on_resume = random.chance(0.5);
  options.receipt_deadline = between(random, milliseconds{50}, milliseconds{1000});
  options.gradient_deadline =
      between(random, options.receipt_deadline, options.receipt_deadline + seconds{3});
  options.longest_pause =
      between(random, options.gradient_deadline, options.gradient_deadline + seconds{4});
  options.beacon_interval = between(random, milliseconds{50}, milliseconds{600});
}

Distribution draw_latency(Random& random) {
  const Duration base = between(random, microseconds{50}, milliseconds{30});
  switch (random.below(3)) {
    case 0:
      return constant(base);
    case 1:
      return uniform(base, between(random, microseconds{1}, milliseconds{60}));
    default:
      return long_tail(base, between(random, microseconds{1}, milliseconds{30}));
  }
}

LinkModel draw_link(Random& random, bool is_lossy) {
  LinkModel link;
  link.latency = draw_latency(random);
  if (random.chance(0.5)) link.bytes_per_second = pick(random, 500'000, 100'000'000);
  if (is_lossy) link.loss = 0.25 * random.uniform() * random.uniform();
  if (is_lossy && random.chance(0.5)) link.duplicate = 0.2 * random.uniform();
  link.detection = uniform(between(random, {}, milliseconds{100}),
                           between(random, milliseconds{1}, milliseconds{800}));
  link.redial = uniform(between(random, {}, milliseconds{50}),
                        between(random, milliseconds{1}, milliseconds{500}));
  return link;
}

DeviceModel draw_device(Random& random) {
  DeviceModel device;
  const double speed = 0.2 + 3 * random.uniform();
  const auto scale = [speed](Duration duration) {
    return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * speed)};
  };
  device.forward = scale(device.forward);
  device.backward = scale(device.backward);
  device.update = random.chance(0.2) ? Duration{} : scale(device.update);
  device.jitter = random.chance(0.7) ? random.uniform() : 0;
  return device;
}

void draw_world(Random& random, Scenario& scenario) {
  const bool is_lossy = random.chance(0.7);
  scenario.activation_bytes = pick(random, 1, 200'000);
  scenario.link = draw_link(random, is_lossy);
  for (std::uint32_t link = 0; link + 1 < scenario.stages; ++link) {
    if (random.chance(0.4)) scenario.other_links.emplace_back(link, draw_link(random, is_lossy));
  }
  scenario.device = draw_device(random);
  const double reject = random.chance(0.25) ? 0.1 * random.uniform() : 0;
  scenario.device.reject = reject;
  for (std::uint32_t stage = 0; stage < scenario.stages; ++stage) {
    if (!random.chance(0.4)) continue;
    scenario.other_devices.emplace_back(stage, draw_device(random));
    scenario.other_devices.back().second.reject = reject;
  }
  scenario.disk.store = uniform({}, between(random, milliseconds{1}, milliseconds{200}));
  if (random.chance(0.3)) scenario.disk.store_failure = 0.4 * random.uniform();
  if (random.chance(0.2)) scenario.disk.restore_failure = 0.4 * random.uniform();
  // Disks that fail may leave nothing that is sound everywhere.
  scenario.options.may_start_over = true;
  if (random.chance(0.5)) scenario.start_spread = between(random, milliseconds{1}, seconds{3});
}

Fault draw_fault(Random& random, const Scenario& scenario) {
  using Kind = Fault::Kind;
  Fault fault;
  fault.at = between(random, {}, scenario.heals_at);
  const std::uint64_t what = random.below(10);
  const bool is_link = what < 5 && scenario.stages > 1;
  fault.target = pick(random, 0, scenario.stages - (is_link ? 2 : 1));
  if (is_link) {
    fault.kind = what < 3 ? Kind::kBreakLink : Kind::kSilentLink;
    fault.lasts = between(random, milliseconds{1}, seconds{2});
  } else if (what < 8) {
    fault.kind = Kind::kCrash;
    fault.lasts = between(random, milliseconds{1}, seconds{2});
  } else if (what == 8) {
    fault.kind = Kind::kSlow;
    fault.lasts = between(random, milliseconds{100}, seconds{4});
    fault.factor = 1 + 40 * random.uniform();
  } else {
    fault.kind = Kind::kDiskFull;
    fault.lasts = between(random, milliseconds{100}, seconds{3});
  }
  return fault;
}

/// Links that change and stand still, and a head that finds its window. Drawn apart from all else,
/// so that what a seed is known for stays.
void draw_changing_links(std::uint64_t seed, Scenario& scenario) {
  Random random(mix_seed(seed, kLinksSalt));
  swarm::Options& options = scenario.options;
  const bool has_window = options.schedule == swarm::Schedule::kAsync && !options.lock_step;
  if (has_window && random.chance(0.3)) options.window = 0;
  if (random.chance(0.2)) {
    scenario.link.stall = uniform({}, milliseconds{300});
    scenario.link.between_stalls = uniform(milliseconds{100}, seconds{2});
  }
  if (scenario.stages == 1 || !random.chance(0.3)) return;
  const auto kind = random.chance(0.5) ? Fault::Kind::kNarrowLink : Fault::Kind::kFarLink;
  scenario.faults.push_back(
      {kind, between(random, {}, scenario.heals_at), pick(random, 0, scenario.stages - 2),
       between(random, milliseconds{100}, seconds{4}), 1 + 9 * random.uniform()});
}

/// Updates that cover more micro-batches where gradients are later; drawn apart, for the same
/// reason.
void draw_groups(std::uint64_t seed, Scenario& scenario) {
  Random random(mix_seed(seed, kGroupsSalt));
  swarm::Options& options = scenario.options;
  const bool may_follow = options.schedule == swarm::Schedule::kAsync && !options.lock_step;
  options.accumulate_follows = may_follow && random.chance(0.25);
}

}  // namespace

Scenario random_scenario(std::uint64_t seed) {
  Random random(mix_seed(seed, kSalt));
  Scenario scenario;
  scenario.name = "random";
  scenario.about = "drawn from its seed";
  draw_workload(random, scenario);
  draw_world(random, scenario);
  scenario.heals_at = between(random, seconds{1}, seconds{8});
  const std::uint32_t faults = random.chance(0.3) ? 0 : pick(random, 1, 8);
  for (std::uint32_t i = 0; i < faults; ++i) {
    scenario.faults.push_back(draw_fault(random, scenario));
  }
  if (random.chance(0.15)) {
    scenario.faults.push_back({Fault::Kind::kStop, between(random, {}, scenario.heals_at),
                               pick(random, 0, scenario.stages - 1), Duration::zero(), 1});
    scenario.ending = Ending::kSaved;
  }
  scenario.bound = std::chrono::minutes{30};
  draw_changing_links(seed, scenario);
  draw_groups(seed, scenario);
  return scenario;
}

}  // namespace brigade::sim

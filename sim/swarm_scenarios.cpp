// Scenarios of swarms with replicas: a table, and what a seed draws.
#include <algorithm>

#include "base/random.hpp"
#include "sim/drawn.hpp"
#include "sim/swarm_scenario.hpp"

namespace brigade::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = SwarmFault::Kind;

constexpr std::uint64_t kSalt = 0x5ca1ab1e;
constexpr std::uint64_t kLinksSalt = 0x11a2c5;

/// A healthy swarm on home links: what every scenario starts from and then changes.
SwarmScenario swarm(const char* name, const char* about, std::uint32_t stages,
                    std::uint32_t replicas) {
  SwarmScenario scenario;
  scenario.name = name;
  scenario.about = about;
  scenario.stages = stages;
  scenario.replicas = replicas;
  scenario.options.window = 4 * stages;
  scenario.options.steps = 2000;
  scenario.options.receipt_deadline = seconds{1};
  scenario.options.gradient_deadline = seconds{4};
  scenario.options.longest_pause = seconds{8};
  scenario.options.beacon_interval = milliseconds{250};
  scenario.link.latency = uniform(milliseconds{5}, milliseconds{10});
  return scenario;
}

std::vector<SwarmScenario> healthy() {
  std::vector<SwarmScenario> list;
  list.push_back(swarm("swarm-calm", "nothing goes wrong", 3, 2));

  SwarmScenario unequal = swarm("swarm-unequal", "replicas from 1 to 8 times as slow", 4, 4);
  unequal.slowness = {{1, 2}, {2, 4}, {3, 8}, {5, 3}, {6, 6}, {8, 8}, {9, 2}, {13, 5}};
  unequal.options.window = 48;
  list.push_back(unequal);

  SwarmScenario small = swarm("swarm-small", "nodes that hold six micro-batches", 4, 3);
  small.options.most_in_flight = 6;
  small.options.steps = 600;
  small.slowness = {{3, 4}, {7, 3}};
  list.push_back(small);

  SwarmScenario lossy = swarm("swarm-lossy", "links that lose and repeat, and an evaluation", 3, 2);
  lossy.link.loss = 0.05;
  lossy.link.duplicate = 0.05;
  lossy.options.eval_every = 50;
  lossy.options.eval_batches = 3;
  lossy.options.final_eval_batches = 5;
  lossy.options.steps = 300;
  lossy.heals_at = seconds{20};
  list.push_back(lossy);
  return list;
}

std::vector<SwarmScenario> lying() {
  SwarmScenario liar = swarm(
      "swarm-liar", "one of stage 1 says that it is the quickest, and gives nothing back", 3, 3);
  liar.liars = {4};
  liar.options.steps = 8000;
  liar.options.window = 24;
  liar.faults = {{Kind::kKill, seconds{60}, 4}};  // its link is closed at last
  liar.heals_at = seconds{61};
  return {liar};
}

std::vector<SwarmScenario> averaging() {
  std::vector<SwarmScenario> list;
  SwarmScenario average =
      swarm("swarm-average", "replicas average every fourth update, and keep checkpoints", 3, 3);
  average.options.average_every = 4;
  average.options.checkpoint_every = 200;
  average.slowness = {{1, 2}, {5, 3}};
  average.faults = {{Kind::kKill, seconds{3}, 4, 0, milliseconds{300}},
                    {Kind::kLeave, seconds{4}, 8, 0, {}},
                    {Kind::kKill, seconds{5}, 0, 0, milliseconds{300}}};
  average.heals_at = seconds{8};
  list.push_back(average);

  SwarmScenario alone = swarm("swarm-one-stage", "one stage: its holders average, no more", 1, 3);
  alone.options.average_every = 2;
  alone.options.checkpoint_every = 100;
  alone.faults = {{Kind::kKill, seconds{2}, 1, 0, milliseconds{300}}};
  alone.heals_at = seconds{3};
  list.push_back(alone);
  return list;
}

std::vector<SwarmScenario> deadly() {
  std::vector<SwarmScenario> list;
  SwarmScenario restart = swarm("swarm-restart", "a tail, a middle and a head restart", 3, 2);
  restart.faults = {{Kind::kKill, seconds{3}, 4, 0, milliseconds{200}},
                    {Kind::kKill, seconds{5}, 2, 0, milliseconds{200}},
                    {Kind::kKill, seconds{7}, 0, 0, milliseconds{200}}};
  restart.heals_at = seconds{10};
  list.push_back(restart);

  SwarmScenario gone = swarm("swarm-gone", "a tail and a middle die for good", 3, 2);
  gone.faults = {{Kind::kKill, seconds{3}, 5}, {Kind::kKill, seconds{4}, 3}};
  gone.heals_at = seconds{10};
  list.push_back(gone);

  SwarmScenario head = swarm("swarm-head-gone", "a head dies for good", 3, 2);
  head.faults = {{Kind::kKill, seconds{3}, 1}};
  head.heals_at = seconds{5};
  list.push_back(head);

  SwarmScenario leave = swarm("swarm-leave", "nodes leave, in good time and not", 3, 3);
  leave.faults = {{Kind::kLeave, seconds{3}, 3, 0, {}},
                  {Kind::kLeave, seconds{4}, 7, 0, milliseconds{5}},
                  {Kind::kLeave, seconds{5}, 1, 0, {}},
                  {Kind::kLeave, seconds{6}, 2, 0, milliseconds{5}}};
  leave.heals_at = seconds{8};
  list.push_back(leave);

  SwarmScenario drain = swarm("swarm-drain", "a middle, a tail and a head rest for a while", 3, 2);
  drain.options.average_every = 4;
  drain.options.steps = 4000;
  drain.options.checkpoint_every = 200;
  drain.faults = {{Kind::kDrain, seconds{3}, 2, 0, seconds{3}},
                  {Kind::kDrain, seconds{4}, 5, 0, seconds{5}},
                  {Kind::kDrain, seconds{7}, 1, 0, seconds{3}}};
  drain.heals_at = seconds{12};
  list.push_back(drain);

  SwarmScenario many = swarm("swarm-many", "several die at once, on one path", 5, 3);
  many.faults = {{Kind::kKill, seconds{3}, 3, 0, milliseconds{300}},
                 {Kind::kKill, seconds{3}, 6, 0, milliseconds{300}},
                 {Kind::kKill, seconds{3}, 9, 0, milliseconds{300}},
                 {Kind::kKill, seconds{5}, 0, 0, milliseconds{300}},
                 {Kind::kKill, seconds{5}, 4, 0, milliseconds{300}},
                 {Kind::kKill, seconds{5}, 13, 0, milliseconds{300}}};
  many.heals_at = seconds{8};
  list.push_back(many);

  return list;
}

std::vector<SwarmScenario> silent() {
  std::vector<SwarmScenario> list;
  SwarmScenario frozen = swarm("swarm-frozen", "a middle stands still for 20 s", 3, 2);
  frozen.faults = {{Kind::kFreeze, seconds{3}, 2, 0, seconds{20}}};
  frozen.heals_at = seconds{24};
  list.push_back(frozen);

  SwarmScenario late =
      swarm("swarm-late", "a middle stands still for longer than it is waited for", 3, 2);
  late.options.forget_after = seconds{20};
  late.faults = {{Kind::kFreeze, seconds{3}, 2, 0, seconds{50}}};
  late.heals_at = seconds{60};
  list.push_back(late);

  SwarmScenario split =
      swarm("swarm-split", "two halves that do not see each other for 60 s", 4, 2);
  split.faults = {{Kind::kSplit, seconds{3}, 0, 0, seconds{60}}};
  split.heals_at = seconds{65};
  split.options.steps = 8000;
  list.push_back(split);

  SwarmScenario mute = swarm("swarm-mute", "one direction of a link is dead for 30 s", 3, 2);
  mute.faults = {{Kind::kMute, seconds{3}, 0, 2, seconds{30}},
                 {Kind::kMute, seconds{10}, 5, 3, seconds{20}}};
  mute.heals_at = seconds{35};
  list.push_back(mute);
  return list;
}

std::vector<SwarmScenario> make_swarm_scenarios() {
  std::vector<SwarmScenario> all;
  for (const auto& some : {healthy(), lying(), averaging(), deadly(), silent()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void draw_options(Random& random, SwarmScenario& scenario) {
  swarm::Options& options = scenario.options;
  options.window = pick(random, 1, 8 * scenario.stages);
  options.steps = pick(random, 20, 600);
  if (random.chance(0.3)) options.accumulate = pick(random, 2, 4);
  if (random.chance(0.4)) {
    options.eval_every = pick(random, 10, 100);
    options.eval_batches = pick(random, 1, 3);
    options.final_eval_batches = pick(random, 0, 3);
  }
  if (random.chance(0.3)) options.most_in_flight = pick(random, 3, 20);
  options.receipt_deadline = between(random, milliseconds{100}, seconds{2});
  options.gradient_deadline =
      between(random, options.receipt_deadline, options.receipt_deadline + seconds{5});
  options.longest_pause =
      between(random, options.gradient_deadline, options.gradient_deadline + seconds{5});
  options.beacon_interval = between(random, milliseconds{50}, milliseconds{500});
  options.forget_after = between(random, seconds{8}, seconds{40});
}

void draw_world(Random& random, SwarmScenario& scenario) {
  scenario.activation_bytes = pick(random, 1, 200'000);
  scenario.link.latency = random.chance(0.5)
                              ? uniform(between(random, microseconds{50}, milliseconds{20}),
                                        between(random, microseconds{1}, milliseconds{40}))
                              : long_tail(between(random, microseconds{50}, milliseconds{20}),
                                          between(random, microseconds{1}, milliseconds{10}));
  if (random.chance(0.3)) scenario.link.bytes_per_second = pick(random, 2'000'000, 100'000'000);
  if (random.chance(0.4)) scenario.link.loss = 0.1 * random.uniform();
  if (random.chance(0.4)) scenario.link.duplicate = 0.1 * random.uniform();
  scenario.device.jitter = random.uniform();
  if (random.chance(0.2)) scenario.device.reject = 0.02 * random.uniform();
  for (std::uint32_t host = 0; host < scenario.hosts(); ++host) {
    if (random.chance(0.5)) scenario.slowness.emplace_back(host, 1 + 7 * random.uniform());
  }
  if (random.chance(0.5)) scenario.start_spread = between(random, milliseconds{1}, seconds{3});
}

void draw_averaging(Random& random, SwarmScenario& scenario) {
  swarm::Options& options = scenario.options;
  if (random.chance(0.7)) options.average_every = pick(random, 1, 10);
  if (random.chance(0.5)) {
    options.checkpoint_every = pick(random, 5, 100);
    options.keep_checkpoints = pick(random, 1, 3);
  }
  if (random.chance(0.2)) scenario.disk.store_failure = 0.3 * random.uniform();
  if (random.chance(0.1)) options.window = 0;
}

SwarmFault draw_fault(Random& random, const SwarmScenario& scenario) {
  SwarmFault fault;
  fault.at = between(random, {}, scenario.heals_at);
  fault.target = pick(random, 0, scenario.hosts() - 1);
  const std::uint64_t what = random.below(12);
  if (what < 5) {
    fault.kind = Kind::kKill;
    fault.lasts = between(random, milliseconds{10}, seconds{4});
  } else if (what < 7) {
    fault.kind = Kind::kFreeze;
    fault.lasts = between(random, milliseconds{10}, seconds{25});
  } else if (what < 9) {
    fault.kind = what == 7 ? Kind::kCut : Kind::kMute;
    fault.lasts = between(random, milliseconds{10}, seconds{12});
    const std::uint32_t stage = scenario.stage_of(fault.target);
    const std::uint32_t next = stage + 1 < scenario.stages ? stage + 1 : stage - 1;
    fault.other = next * scenario.replicas + pick(random, 0, scenario.replicas - 1);
    if (random.chance(0.5)) std::swap(fault.target, fault.other);
  } else if (what == 9) {
    fault.kind = Kind::kSplit;
    fault.lasts = between(random, milliseconds{10}, seconds{12});
  } else if (what == 10) {
    fault.kind = Kind::kSlow;
    fault.lasts = between(random, milliseconds{100}, seconds{10});
    fault.factor = 1 + 7 * random.uniform();
  } else {
    fault.kind = random.chance(0.5) ? Kind::kLeave : Kind::kDrain;
    if (fault.kind == Kind::kDrain || random.chance(0.5))
      fault.lasts = between(random, milliseconds{1}, seconds{2});
    fault.target -= fault.target % scenario.replicas;  // the first replicas alone: others stay
  }
  return fault;
}

}  // namespace

const std::vector<SwarmScenario>& swarm_scenarios() {
  static const std::vector<SwarmScenario> kScenarios = make_swarm_scenarios();
  return kScenarios;
}

const SwarmScenario* find_swarm_scenario(std::string_view name) {
  const auto& all = swarm_scenarios();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

SwarmScenario random_swarm_scenario(std::uint64_t seed) {
  Random random(mix_seed(seed, kSalt));
  SwarmScenario scenario;
  scenario.name = "swarm-random";
  scenario.about = "drawn from its seed";
  scenario.stages = pick(random, 2, 6);
  scenario.replicas = pick(random, 2, 4);
  draw_options(random, scenario);
  draw_world(random, scenario);
  scenario.heals_at = between(random, seconds{2}, seconds{30});
  const std::uint32_t faults = pick(random, 0, 10);
  for (std::uint32_t i = 0; i < faults; ++i) {
    scenario.faults.push_back(draw_fault(random, scenario));
  }
  if (random.chance(0.3)) {  // one dies for good; somebody is to stay at its stage
    if (scenario.replicas == 2) {
      std::erase_if(scenario.faults, [](const auto& fault) {
        return fault.kind == Kind::kLeave || fault.kind == Kind::kDrain;
      });
    }
    const std::uint32_t stage = pick(random, 0, scenario.stages - 1);
    scenario.faults.push_back({Kind::kKill, between(random, {}, scenario.heals_at),
                               stage * scenario.replicas + 1, 0, Duration::zero(), 1});
  }
  draw_averaging(random, scenario);
  const bool all_return = std::ranges::none_of(scenario.faults, [](const SwarmFault& fault) {
    return fault.kind == Kind::kLeave || (fault.kind == Kind::kKill && fault.lasts == Duration{});
  });  // else links would have to be chosen anew
  if (scenario.replicas == 4 && all_return && mix_seed(seed, kLinksSalt) % 2 == 0) {
    scenario.links_beside = scenario.links_own = 2;
  }
  scenario.bound = std::chrono::minutes{60};
  return scenario;
}

}  // namespace brigade::sim

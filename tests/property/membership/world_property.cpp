// Whole swarms of the real membership core under random faults: safety all along, and agreement
// within a stated time once the faults end. Options are redrawn with each seed.
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "sim/membership/world.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::sim {
namespace {

namespace core = swarm::membership;
using std::chrono::milliseconds;
using std::chrono::seconds;
using swarm::test::for_seeds;
using Host = MemberWorld::HostIndex;

MemberWorldOptions draw(std::uint64_t seed) {
  Random random(mix_seed(seed, 11));
  MemberWorldOptions options;
  options.seed = seed;
  options.node.stages = static_cast<std::uint32_t>(1 + random.below(8));
  options.node.fanout = static_cast<std::uint32_t>(2 + random.below(3));
  options.node.wanted_links = static_cast<std::uint32_t>(4 + random.below(4));
  // Now and then the swarm is large for its nodes: they know their neighbourhood alone.
  if (random.chance(0.4))
    options.node.small_swarm = static_cast<std::uint32_t>(8 + random.below(20));
  options.most_delay = milliseconds{20 + static_cast<std::int64_t>(random.below(180))};
  if (random.chance(0.3)) options.loss = 0.02;
  return options;
}

/// A swarm of `count` hosts that has settled.
class Swarm {
 public:
  Swarm(const MemberWorldOptions& options, std::uint32_t count, double outbound_only)
      : world(options), random_(mix_seed(options.seed, 12)), stages_(options.node.stages) {
    world.watch([this](Host host, const core::Action& action) {
      const auto* changed = std::get_if<core::MemberChanged>(&action);
      if (!changed || changed->standing != core::Standing::kDead) return;
      const Host subject = world.host_of(changed->record->id);
      if (!world.is_live(subject)) return;
      buried_alive += "host " + std::to_string(host) + " buries " + std::to_string(subject) +
                      " alive at " +
                      std::to_string(world.now().time_since_epoch() / milliseconds{1}) +
                      " ms: " + changed->reason + "\n";
    });
    // Enough that can be dialled, or the rest find nobody with room for them.
    for (std::uint32_t i = 0; i < count; ++i) add(i < 3 || !random_.chance(outbound_only));
    agree(seconds{90});
  }

  Host add(bool can_be_dialled) {
    std::optional<StageIndex> stage;
    if (!random_.chance(0.1)) {
      stage = StageIndex{static_cast<std::uint32_t>(random_.below(stages_))};
    }
    return world.add(stage, can_be_dialled);
  }

  /// Requires that all views are right within `limit`; how long it took.
  Duration agree(Duration limit) {
    const TimePoint from = world.now();
    while (!world.errors().has_none()) {
      if (world.now() - from > limit) FAIL(world.explain());
      world.run_for(milliseconds{250});
    }
    return world.now() - from;
  }

  Host any(bool is_live) {
    while (true) {
      const auto host = static_cast<Host>(random_.below(world.size()));
      if (world.is_live(host) == is_live) return host;
    }
  }
  std::uint32_t live() const {
    std::uint32_t count = 0;
    for (Host host = 0; host < world.size(); ++host) count += world.is_live(host) ? 1u : 0u;
    return count;
  }

  MemberWorld world;
  std::string buried_alive;

 private:
  Random random_;
  std::uint32_t stages_;
};

}  // namespace

TEST_CASE("after churn of every kind all views are right within 45 s") {
  for_seeds(60, [](std::uint64_t seed) {
    Random random(mix_seed(seed, 13));
    const auto count = static_cast<std::uint32_t>(5 + random.below(50));
    Swarm swarm(draw(seed), count, 0.5 * random.uniform());
    std::vector<Host> frozen;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t what = random.below(7);
      const bool may_die = swarm.live() > count / 2 + 1;
      if (what == 0 && may_die) swarm.world.kill(swarm.any(true));
      if (what == 1 && may_die) swarm.world.cut_power(swarm.any(true));
      if (what == 2 && may_die) swarm.world.leave(swarm.any(true));
      if (what == 3 && swarm.live() < swarm.world.size()) swarm.world.restart(swarm.any(false));
      if (what == 4) swarm.add(random.chance(0.6));
      if (what == 5) {
        frozen.push_back(swarm.any(true));
        swarm.world.freeze(frozen.back());
      }
      if (what == 6) {
        for (const Host host : frozen) swarm.world.thaw(host);
        frozen.clear();
      }
      swarm.world.run_for(milliseconds{static_cast<std::int64_t>(random.below(3000))});
    }
    for (const Host host : frozen) swarm.world.thaw(host);
    swarm.agree(seconds{45});
    CHECK(swarm.world.totals().blames == 0);
    CHECK(swarm.world.totals().runs_twice == 0);
    CHECK(swarm.world.totals().largest_message < limits::kMaxFrameHeaderBytes);
  });
}

TEST_CASE("a crash is known to all within 30 s, a power cut within 45 s, a goodbye within 10 s") {
  for_seeds(40, [](std::uint64_t seed) {
    Random random(mix_seed(seed, 14));
    MemberWorldOptions options = draw(seed);
    options.loss = 0;
    Swarm swarm(options, static_cast<std::uint32_t>(6 + random.below(60)), 0.3);
    swarm.world.run_for(seconds{20});
    swarm.world.kill(swarm.any(true));
    swarm.agree(seconds{30});
    swarm.world.cut_power(swarm.any(true));
    swarm.agree(seconds{45});
    swarm.world.leave(swarm.any(true));
    swarm.world.run_for(seconds{1});
    swarm.agree(seconds{9});
    CHECK(swarm.buried_alive == "");
  });
}

TEST_CASE("two halves of a split are one swarm within 30 s of its end, with nobody's help") {
  for_seeds(40, [](std::uint64_t seed) {
    Random random(mix_seed(seed, 15));
    MemberWorldOptions options = draw(seed);
    const auto count = static_cast<std::uint32_t>(6 + random.below(60));
    Swarm swarm(options, count, 0.3);
    const double share = 0.2 + 0.3 * random.uniform();
    // Each half needs somebody who can be dialled, or it is no swarm of its own.
    swarm.world.split([&](Host host) {
      if (host < 3) return host % 2;
      return random.chance(share) ? 1u : 0u;
    });
    swarm.world.run_for(seconds{60});
    swarm.world.heal();
    swarm.agree(seconds{30});
  });
}

TEST_CASE("nobody who lives is held for dead while nothing fails") {
  for_seeds(20, [](std::uint64_t seed) {
    MemberWorldOptions options = draw(seed);
    options.loss = 0.02;
    Swarm swarm(options, 40, 0.4);
    swarm.world.run_for(std::chrono::minutes{5});
    CHECK(swarm.buried_alive == "");
    CHECK(swarm.world.errors().has_none());
  });
}

TEST_CASE("a node that stops for 20 s is held for dead and is back soon after it goes on") {
  for_seeds(20, [](std::uint64_t seed) {
    MemberWorldOptions options = draw(seed);
    Swarm swarm(options, 30, 0.3);
    const Host host = swarm.any(true);
    swarm.world.freeze(host);
    swarm.world.run_for(seconds{20});
    swarm.world.thaw(host);
    swarm.agree(seconds{30});
  });
}

TEST_CASE("one node that goes to another stage is known there, and learns who is there") {
  for_seeds(20, [](std::uint64_t seed) {
    MemberWorldOptions options = draw(seed);
    options.node.stages = 12;
    options.node.small_swarm = 20;
    Swarm swarm(options, 80, 0.3);
    const Host host = swarm.any(true);
    const StageIndex stage{static_cast<std::uint32_t>(mix_seed(seed, 16) % 12)};
    swarm.world.tell(host, core::DoingChanged{core::Doing::kServing, stage, {}});
    swarm.agree(seconds{40});
    CHECK(swarm.world.member(host).status(swarm.world.now()).interest.has(stage));
  });
}

TEST_CASE("a liar kills nobody, in its own name or in names that it makes up") {
  for_seeds(15, [](std::uint64_t seed) {
    Random random(mix_seed(seed, 17));
    MemberWorldOptions options = draw(seed);
    options.loss = 0;
    Swarm swarm(options, 30, 0.3);
    constexpr Host kLiar = 0;
    for (std::uint64_t i = 0; i < 240; ++i) {
      const Host victim = swarm.any(true);
      if (victim == kLiar) continue;
      const auto incarnation =
          swarm.world.member(victim).status(swarm.world.now()).self->incarnation;
      const core::Interest all{StageIndex{0}, StageIndex{options.node.stages - 1}};
      NodeId made_up = swarm.world.id_of(kLiar);
      made_up.bytes[0] = static_cast<std::uint8_t>(made_up.bytes[0] + i);
      std::vector<core::Rumour> lies;
      for (const NodeId& name : {swarm.world.id_of(kLiar), made_up}) {
        lies.emplace_back(std::make_shared<core::Suspicion>(
            core::Suspicion{swarm.world.id_of(victim), incarnation, name, nullptr}));
      }
      swarm.world.say(kLiar, core::Gossip{all, lies, {}});
      swarm.world.run_for(milliseconds{250});
    }
    CHECK(swarm.buried_alive == "");
    swarm.agree(seconds{5});
  });
}

TEST_CASE("the same seed gives the same trace") {
  const auto run = [](std::uint64_t seed) {
    Swarm swarm(draw(seed), 30, 0.3);
    swarm.world.kill(3);
    swarm.world.run_for(seconds{30});
    return swarm.world.trace();
  };
  for_seeds(5, [&](std::uint64_t seed) {
    CHECK(run(seed) == run(seed));
    CHECK(run(seed) != run(seed + 100));
  });
}

}  // namespace brigade::sim

// The ledger beside a model that remembers everything in plain sets.
#include "swarm/ledger.hpp"

#include <map>
#include <set>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {
namespace {

MicrobatchId id_of(std::uint64_t head, std::uint64_t sequence) {
  return {Epoch{1}, HeadIndex{static_cast<std::uint32_t>(head)}, Sequence{sequence},
          MicrobatchId::Kind::kTrain};
}

struct Model {
  std::map<MicrobatchId, Life> open;
  std::set<MicrobatchId> applied;
  std::uint64_t drawn = 0;

  std::uint64_t watermark(std::uint64_t head) const {
    std::uint64_t mark = 0;
    while (applied.contains(id_of(head, mark))) ++mark;
    return mark;
  }
};

std::vector<Life> next_lives(Life life) {
  switch (life) {
    case Life::kForwardQueued:
      return {Life::kForwarding, Life::kBackwardQueued};
    case Life::kForwarding:
      return {Life::kForwarded, Life::kBackwardQueued};
    case Life::kForwarded:
      return {Life::kForwardQueued, Life::kBackwardQueued};
    case Life::kBackwardQueued:
      return {Life::kBackwarding};
    case Life::kBackwarding:
      return {Life::kApplied, Life::kApplied, Life::kApplied, Life::kForwarded};
    case Life::kApplied:
      return {};
  }
  return {};
}

void compare(const Ledger& ledger, const Model& model, Random& random) {
  const Ledger::Counts counts = ledger.counts();
  std::uint32_t in_flight = 0;
  std::uint32_t forwarded = 0;
  std::uint32_t waiting = 0;
  std::uint32_t kept = 0;
  for (const auto& [id, life] : model.open) {
    in_flight += life != Life::kApplied;
    waiting += life == Life::kBackwardQueued || life == Life::kBackwarding;
    forwarded += life == Life::kForwarded;
    kept += life == Life::kApplied;
  }
  REQUIRE(counts.drawn == model.drawn);
  REQUIRE(counts.applied == model.applied.size());
  REQUIRE(counts.in_flight == in_flight);
  REQUIRE(counts.waiting_gradients == waiting);
  REQUIRE(counts.forwarded == forwarded + waiting);
  REQUIRE(counts.kept_gradients == kept);
  REQUIRE(ledger.watermark() == model.watermark(0) + model.watermark(1));
  const MicrobatchId id = id_of(random.below(2), random.below(300));
  const auto standing = ledger.look_up(id).standing;
  REQUIRE((standing == Ledger::Standing::kOpen) == model.open.contains(id));
  if (!model.open.contains(id)) {
    REQUIRE((standing == Ledger::Standing::kApplied) == model.applied.contains(id));
  }
}

}  // namespace

TEST_CASE("the ledger agrees with a model that remembers everything") {
  for_seeds(40, [](std::uint64_t seed) {
    Random random(seed);
    Ledger ledger;
    Model model;
    std::uint64_t next = 0;
    for (int step = 0; step < 2000; ++step) {
      const MicrobatchId fresh = id_of(random.below(2), next / 2 + random.below(8));
      const bool is_known = model.open.contains(fresh) || model.applied.contains(fresh);
      if (random.chance(0.2) && !is_known && model.open.size() < 40) {
        ledger.open(fresh, {});
        model.open[fresh] = Life::kForwardQueued;
        ++model.drawn;
        ++next;
      } else if (!model.open.empty()) {
        auto it = model.open.begin();
        std::advance(it, static_cast<std::ptrdiff_t>(random.below(model.open.size())));
        const Slot slot = ledger.look_up(it->first).slot;
        REQUIRE(ledger[slot].id == it->first);
        REQUIRE(ledger[slot].life == it->second);
        if (it->second == Life::kApplied) {
          ledger.close(slot);
          model.open.erase(it);
        } else if (random.chance(0.03)) {
          ledger.forget(slot);
          model.open.erase(it);
          --model.drawn;
        } else {
          const auto lives = next_lives(it->second);
          it->second = lives[random.below(lives.size())];
          ledger.move(slot, it->second);
          if (it->second == Life::kApplied) model.applied.insert(it->first);
        }
      }
      compare(ledger, model, random);
    }
  });
}

TEST_CASE("the set of what is applied agrees with a plain set") {
  for_seeds(40, [](std::uint64_t seed) {
    Random random(seed);
    AppliedSet set;
    std::set<std::uint64_t> model;
    const std::uint64_t spread = 1 + random.below(limits::kMaxAppliedAhead);
    for (int step = 0; step < 3000; ++step) {
      const Sequence sequence{set.watermark().value() +
                              random.below(random.chance(0.5) ? 3 : spread)};
      REQUIRE(set.contains(sequence) == model.contains(sequence.value()));
      if (set.has_room_for(sequence) && !set.contains(sequence)) {
        set.insert(sequence);
        model.insert(sequence.value());
      }
      REQUIRE_FALSE(model.contains(set.watermark().value()));
      REQUIRE((set.watermark() == Sequence{} || model.contains(set.watermark().value() - 1)));
    }
    std::vector<Sequence> expected;
    const std::uint64_t first = set.watermark().value() - std::min(set.watermark().value(), 5UL);
    for (auto it = model.lower_bound(first); it != model.end(); ++it) expected.emplace_back(*it);
    REQUIRE(set.from(Sequence{first}) == expected);
  });
}

}  // namespace brigade::swarm::test

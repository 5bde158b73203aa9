// The view beside a map: any mix of insertions, news, deaths and departures.
#include "swarm/membership/view.hpp"

#include <map>

#include "base/limits.hpp"
#include "tests/property/swarm/seeds.hpp"
#include "tests/unit/membership/members.hpp"

namespace brigade::swarm::membership::test {
namespace {

struct Known {
  std::uint64_t incarnation = 0;
  std::uint32_t stage = 0;
  Standing standing = Standing::kAlive;
};

}  // namespace

TEST_CASE("the view and a plain map say the same after any changes") {
  swarm::test::for_seeds(50, [](std::uint64_t seed) {
    Random random(seed);
    constexpr std::uint32_t kStages = 5;
    View view(kStages);
    std::map<std::uint32_t, Known> known;
    for (int i = 0; i < 3000; ++i) {
      const auto number = static_cast<std::uint32_t>(random.below(300));
      const auto stage = static_cast<std::uint32_t>(random.below(kStages));
      const View::Slot slot = view.find(node(number));
      REQUIRE((slot == View::kNone) == (known.count(number) == 0));
      if (slot == View::kNone) {
        REQUIRE(view.insert(TimePoint{}, share(serving(number, stage))) != View::kNone);
        known[number] = {1, stage, Standing::kAlive};
        continue;
      }
      Known& is = known[number];
      const std::uint64_t what = random.below(4);
      if (what == 0) {
        view.erase(slot);
        known.erase(number);
      } else if (what == 1) {
        is = {is.incarnation + 1, stage, is.standing};
        view.replace(slot, share(serving(number, stage, is.incarnation)));
      } else {
        const auto standing = static_cast<Standing>(random.below(4));
        const bool is_full = view.vanished().size() >= limits::kMaxRemembered;
        if (is_full && standing > Standing::kSuspected) continue;
        view.set_standing(TimePoint{}, slot, standing, random);
        is.standing = standing;
      }
    }
    // A view that was told the same in one go has the same sums.
    View fresh(kStages);
    std::vector<std::uint32_t> members(kStages);
    for (const auto& [number, is] : known) {
      const View::Slot slot = view.find(node(number));
      REQUIRE(slot != View::kNone);
      REQUIRE(view.at(slot).standing == is.standing);
      REQUIRE(view.at(slot).record->incarnation.value() == is.incarnation);
      if (is.standing > Standing::kSuspected) continue;
      fresh.insert(TimePoint{}, share(serving(number, is.stage, is.incarnation)));
      ++members[is.stage];
    }
    REQUIRE(view.size() == known.size());
    for (std::uint32_t stage = 0; stage < kStages; ++stage) {
      REQUIRE(view.counts(StageIndex{stage}).members == members[stage]);
      REQUIRE(view.sums(StageIndex{stage}) == fresh.sums(StageIndex{stage}));
    }
  });
}

}  // namespace brigade::swarm::membership::test

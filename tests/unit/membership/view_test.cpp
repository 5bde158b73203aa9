#include "swarm/membership/view.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/membership/members.hpp"

namespace brigade::swarm::membership::test {
namespace {

constexpr TimePoint kStart{};

}  // namespace

TEST_CASE("a member is found by its id, counted in its group, and its sums tell two views apart") {
  View view(3);
  const auto empty = view.sums(StageIndex{1});
  NodeRecord record = serving(1, 1);
  record.pace = std::chrono::minutes{1};
  const View::Slot slot = view.insert(kStart, share(record));
  CHECK(view.find(node(1)) == slot);
  CHECK(view.find(node(2)) == View::kNone);
  CHECK(view.present(node(1)) != nullptr);
  CHECK(view.counts(StageIndex{1}).members == 1);
  CHECK(view.counts(StageIndex{1}).serving == 1);
  CHECK(view.counts(StageIndex{1}).microbatches_hour == 60);
  const auto one = view.sums(StageIndex{1});
  CHECK(one != empty);
  view.replace(slot, share(serving(1, 1, 2)));
  CHECK(view.sums(StageIndex{1}) != one);
  view.erase(slot);
  CHECK(view.sums(StageIndex{1}) == empty);
  CHECK(view.size() == 0);
}

TEST_CASE("a member that takes another stage changes its group") {
  View view(3);
  const View::Slot slot = view.insert(kStart, share(serving(1, 0)));
  view.replace(slot, share(serving(1, 2, 2)));
  CHECK(view.counts(StageIndex{0}).members == 0);
  CHECK(view.counts(StageIndex{2}).members == 1);
}

TEST_CASE("who is drained is a member of its group, and does not serve it") {
  View view(3);
  const View::Slot slot = view.insert(kStart, share(serving(1, 1)));
  NodeRecord drained = serving(1, 1, 2);
  drained.doing = Doing::kDrained;
  view.replace(slot, share(drained));
  CHECK(view.counts(StageIndex{1}).members == 1);
  CHECK(view.counts(StageIndex{1}).serving == 0);
}

TEST_CASE("who is dead is remembered, and is in no group") {
  View view(1);
  Random random(1);
  const View::Slot slot = view.insert(kStart, share(serving(1, 0)));
  view.set_standing(kStart, slot, Standing::kSuspected, random);
  CHECK(view.present(node(1)) != nullptr);
  view.set_standing(kStart, slot, Standing::kDead, random);
  CHECK(view.present(node(1)) == nullptr);
  CHECK(view.find(node(1)) == slot);
  CHECK(view.counts(StageIndex{0}).members == 0);
  CHECK(view.vanished().size() == 1);
  view.set_standing(kStart, slot, Standing::kAlive, random);
  CHECK(view.vanished().empty());
  CHECK(view.counts(StageIndex{0}).members == 1);
}

TEST_CASE("at the bound of who is remembered a random one goes, not always the oldest") {
  View view(1);
  Random random(1);
  const std::uint32_t bound = limits::kMaxRemembered;
  for (std::uint32_t i = 0; i < 2 * bound; ++i) {
    const View::Slot slot = view.insert(kStart, share(serving(i, 0)));
    view.set_standing(kStart, slot, Standing::kDead, random);
  }
  CHECK(view.vanished().size() == bound);
  CHECK(view.size() == bound);
  std::uint32_t old = 0;
  for (std::uint32_t i = 0; i < bound; ++i) old += view.find(node(i)) == View::kNone ? 0u : 1u;
  CHECK(old > bound / 5);
  CHECK(old < bound / 2);
}

TEST_CASE("a second key with the same prefix is refused") {
  View view(1);
  NodeRecord twin = serving(1, 0);
  twin.id.bytes[31] = 1;
  view.insert(kStart, share(serving(1, 0)));
  CHECK(view.insert(kStart, share(twin)) == View::kNone);
  CHECK(view.find(twin.id) == View::kNone);
}

TEST_CASE("every member of a group is drawn about as often") {
  View view(1);
  Random random(1);
  for (std::uint32_t i = 0; i < 10; ++i) view.insert(kStart, share(serving(i, 0)));
  std::vector<int> drawn(10);
  for (int i = 0; i < 10'000; ++i) ++drawn[view.random_present(StageIndex{0}, random)];
  for (const int count : drawn) CHECK(count > 800);
}

}  // namespace brigade::swarm::membership::test

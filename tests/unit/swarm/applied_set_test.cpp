#include "swarm/applied_set.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {

TEST_CASE("the watermark passes everything that is applied without a gap") {
  AppliedSet set;
  set.insert(Sequence{1});
  set.insert(Sequence{2});
  CHECK(set.watermark() == Sequence{0});
  CHECK(set.from(Sequence{0}) == std::vector<Sequence>{Sequence{1}, Sequence{2}});
  set.insert(Sequence{0});
  CHECK(set.watermark() == Sequence{3});
  CHECK(set.contains(Sequence{2}));
  CHECK_FALSE(set.contains(Sequence{3}));
  CHECK(set.from(Sequence{2}) == std::vector<Sequence>{Sequence{2}});
}

TEST_CASE("there is room for a fixed span above the watermark, wherever it is") {
  AppliedSet set;
  CHECK(set.has_room_for(Sequence{limits::kMaxAppliedAhead - 1}));
  CHECK_FALSE(set.has_room_for(Sequence{limits::kMaxAppliedAhead}));
  CHECK_FALSE(set.contains(Sequence{~0ULL}));
  set.insert(Sequence{limits::kMaxAppliedAhead - 1});
  for (std::uint64_t i = 0; i < limits::kMaxAppliedAhead - 1; ++i) set.insert(Sequence{i});
  CHECK(set.watermark() == Sequence{limits::kMaxAppliedAhead});
  CHECK(set.has_room_for(Sequence{2 * limits::kMaxAppliedAhead - 1}));
  CHECK_FALSE(set.contains(Sequence{limits::kMaxAppliedAhead}));
}

TEST_CASE("what is settled from outside counts as applied, and what lies above it goes on") {
  AppliedSet set;
  set.insert(Sequence{7});
  set.settle_below(Sequence{7});
  CHECK(set.watermark() == Sequence{8});
  CHECK(set.contains(Sequence{3}));
  set.settle_below(Sequence{5});
  CHECK(set.watermark() == Sequence{8});
  const Sequence far{10ULL * limits::kMaxAppliedAhead};
  set.settle_below(far);
  CHECK(set.watermark() == far);
  CHECK_FALSE(set.contains(far));
}

}  // namespace brigade::swarm

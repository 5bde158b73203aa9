#include "daemon/members/mover.hpp"

#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

Crew crew_of(std::uint8_t first, std::uint8_t count) {
  Crew crew;
  for (std::uint8_t i = 0; i < count; ++i)
    crew.nodes.push_back(node(static_cast<std::uint8_t>(first + i)));
  return crew;
}

TimePoint at(Duration since) {
  return TimePoint(minutes{100} + since);
}

/// How many of the first crew would go, asked every second until `until`.
std::vector<StageIndex> movers(const std::vector<Crew>& crews, std::uint32_t stage,
                               Duration until) {
  std::vector<StageIndex> gone;
  for (const NodeId& member : crews[stage].nodes) {
    Mover mover(member, StageIndex(stage), at(-minutes{60}));
    for (Duration t{}; t <= until; t += seconds{1}) {
      if (const auto move = mover.decide(at(t), crews)) {
        gone.push_back(move->to);
        break;
      }
    }
  }
  return gone;
}

TEST_CASE("one of the fullest stage goes where nobody is, and soon") {
  const std::vector<Crew> crews{crew_of(10, 2), crew_of(20, 3), {}, crew_of(40, 2)};
  CHECK(movers(crews, 1, seconds{4}).empty());
  CHECK(movers(crews, 1, seconds{6}) == std::vector{StageIndex(2)});
  CHECK(movers(crews, 0, seconds{60}).empty());
  CHECK(movers(crews, 3, seconds{60}).empty());
}

TEST_CASE("nobody sets out for a stage that somebody is on its way to, nor to be a head") {
  std::vector<Crew> crews{crew_of(10, 2), crew_of(20, 3), {}};
  crews[2].awaits_one = true;
  CHECK(movers(crews, 1, minutes{10}).empty());
  const std::vector<Crew> headless{{}, crew_of(20, 3), crew_of(30, 2)};
  CHECK(movers(headless, 1, minutes{10}).empty());
}

TEST_CASE("whoever drains is waited for, and then its stage has nobody") {
  // Members counts one that leaves as awaited, and one that is drained not at all.
  std::vector<Crew> crews{crew_of(10, 2), crew_of(20, 3), {}};
  crews[2].awaits_one = true;
  Mover mover(node(20), StageIndex(1), at(-minutes{60}));
  Mover second(node(21), StageIndex(1), at(-minutes{60}));
  Mover third(node(22), StageIndex(1), at(-minutes{60}));
  int moves = 0;
  for (Duration t{}; t < minutes{2}; t += seconds{1}) {
    if (t == minutes{1}) crews[2].awaits_one = false;
    for (Mover* one : {&mover, &second, &third}) {
      const auto move = one->decide(at(t), crews);
      if (!move) continue;
      CHECK(t == minutes{1} + Mover::kVacant);
      ++moves;
      crews[2].awaits_one = true;
    }
  }
  CHECK(moves == 1);
}

TEST_CASE("where the data can be copied, one is sent to be a head too") {
  const std::vector<Crew> headless{{}, crew_of(20, 3), crew_of(30, 2)};
  std::size_t gone = 0;
  for (const NodeId& member : headless[1].nodes) {
    Mover mover(member, StageIndex(1), at(-minutes{60}), /*gives_data=*/true);
    mover.decide(at({}), headless);
    const auto move = mover.decide(at(seconds{6}), headless);
    if (move && move->to == StageIndex{0}) ++gone;
  }
  CHECK(gone == 1);
}

TEST_CASE("a stage whose nodes are not known, but told, has somebody") {
  std::vector<Crew> crews{crew_of(10, 2), crew_of(20, 3), {}};
  crews[2].nodes_told = 2;
  CHECK(movers(crews, 1, minutes{10}).empty());
}

TEST_CASE("no stage gives its last node") {
  const std::vector<Crew> crews{crew_of(10, 1), crew_of(20, 1), {}};
  for (std::uint32_t stage = 0; stage < 2; ++stage)
    CHECK(movers(crews, stage, minutes{10}).empty());
}

TEST_CASE("whose stage its owner chose does not go, another of that stage does") {
  std::vector<Crew> crews{crew_of(10, 1), crew_of(20, 1), {}};
  crews[1].fixed = crew_of(30, 2).nodes;
  crews[0].fixed = crew_of(40, 4).nodes;
  CHECK(movers(crews, 0, seconds{6}) == std::vector{StageIndex(2)});
  crews[0].nodes.clear();  // the fullest has nobody who may
  CHECK(movers(crews, 1, seconds{6}) == std::vector{StageIndex(2)});
}

TEST_CASE("a tilt is righted once it has lasted, by one node, and one apart is no tilt") {
  const std::vector<Crew> tilted{crew_of(10, 2), crew_of(20, 4), crew_of(30, 2)};
  CHECK(movers(tilted, 1, Mover::kUnbalanced - seconds{1}).empty());
  CHECK(movers(tilted, 1, Mover::kUnbalanced) == std::vector{StageIndex(2)});
  const std::vector<Crew> righted{crew_of(10, 2), crew_of(20, 3), crew_of(30, 3)};
  CHECK(movers(righted, 1, minutes{60}).empty());
  const std::vector<Crew> level{crew_of(10, 2), crew_of(20, 3), crew_of(30, 2)};
  CHECK(movers(level, 1, minutes{60}).empty());
}

TEST_CASE("who has just arrived stays, unless a stage has nobody") {
  const std::vector<Crew> tilted{crew_of(10, 2), crew_of(20, 4), crew_of(30, 2)};
  const std::vector<Crew> vacant{crew_of(10, 2), crew_of(20, 4), {}};
  int moves = 0;
  for (const NodeId& member : tilted[1].nodes) {
    Mover mover(member, StageIndex(1), at({}));
    for (Duration t{}; t < Mover::kStays; t += seconds{1})
      CHECK_FALSE(mover.decide(at(t), tilted).has_value());
    mover.decide(at(Mover::kStays), vacant);
    if (mover.decide(at(Mover::kStays + Mover::kVacant), vacant)) ++moves;
  }
  CHECK(moves == 1);
}

}  // namespace
}  // namespace brigade::daemon

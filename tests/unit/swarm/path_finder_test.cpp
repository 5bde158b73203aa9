#include "swarm/path_finder.hpp"

#include <chrono>
#include <map>

#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::milliseconds;

/// Stage 1 of 3, before tails that are told apart by number.
struct Rig {
  Options options = [] {
    Options chosen;
    chosen.stage = StageIndex{1};
    chosen.stages = 3;
    chosen.instance = 1;
    chosen.self = test::node_id(9);
    return chosen;
  }();
  TimePoint now{std::chrono::seconds{10}};
  PeerBook book{options};
  PathFinder finder{options, book};

  static Holder tail(std::uint32_t number) { return {test::node_id(number), 100ULL + number}; }
  bool is_late(const Holder& next) const { return finder.is_late(now, *book.find(next.node)); }
  /// Other replicas of its own stage, so many of them with lower ids.
  void know_others(std::uint32_t lower, std::uint32_t higher) {
    for (std::uint32_t i = 0; i < lower + higher; ++i) {
      const Holder other{test::node_id(i < lower ? 1 + i : 30 + i), 200ULL + i};
      book.on_up(now, other, StageIndex{1});
      NodeBeacon beacon;
      beacon.is_ready = true;
      book.on_beacon(now, other.node, beacon);
    }
  }
  void tell(std::uint32_t number, Duration pace, std::uint32_t queue = 0, bool is_ready = true) {
    if (book.find(tail(number).node) == nullptr) book.on_up(now, tail(number), StageIndex{2});
    NodeBeacon beacon;
    beacon.is_ready = is_ready;
    beacon.offer = {{tail(number)}, queue, pace};
    book.on_beacon(now, tail(number).node, beacon);
  }
  std::map<std::uint64_t, int> use(int times) {
    std::map<std::uint64_t, int> used;
    for (int i = 0; i < times; ++i) {
      const auto choice = finder.choose(now);
      REQUIRE(choice.path.size() == 1);
      ++used[choice.path.front().instance];
      finder.on_used(now, choice.path.front());
    }
    return used;
  }
};

TEST_CASE("replicas of like speed are lines beside each other") {
  for (const std::uint32_t rank : {0U, 1U, 2U}) {
    Rig rig;
    rig.know_others(rank, 2 - rank);
    for (const auto number : {11U, 12U, 13U})
      rig.tell(number, milliseconds{10 + number}, number % 3);
    for (int i = 0; i < 100; ++i) {
      const Holder next = rig.finder.choose(rig.now).path.front();
      CAPTURE(rank, i);
      CHECK(next == Rig::tail(11 + rank));
      rig.finder.on_used(rig.now, next);
      rig.finder.on_back(rig.now, next);
    }
  }
}

TEST_CASE("who is free much sooner than one's opposite is taken instead, until it would not") {
  Rig rig;
  rig.know_others(0, 1);
  const auto next = [&] { return rig.finder.choose(rig.now).path.front(); };
  rig.tell(11, milliseconds{10}, 30);
  rig.tell(12, milliseconds{10}, 0);
  CHECK(rig.use(10).at(112) > 5);
  rig.tell(11, milliseconds{10}, 14);
  CHECK(next() == Rig::tail(11));
  rig.tell(12, milliseconds{7}, 0);  // not alike
  CHECK(rig.use(10).at(112) > 5);
  rig.tell(11, milliseconds{10}, 1);
  CHECK(next() == Rig::tail(11));
  rig.tell(11, milliseconds{10}, 14);
  rig.finder.on_refused(rig.now, Rig::tail(12));
  CHECK(next() == Rig::tail(11));
}

TEST_CASE("where the next stage has more replicas than this one, nobody has an opposite") {
  Rig rig;
  rig.know_others(0, 1);
  for (const auto number : {11U, 12U, 13U}) rig.tell(number, milliseconds{10});
  const auto used = rig.use(30);
  for (const auto number : {11U, 12U, 13U}) CHECK(used.at(100 + number) == 10);
}

TEST_CASE("replicas are used in proportion to their speeds") {
  Rig rig;
  rig.tell(11, milliseconds{10});
  rig.tell(12, milliseconds{20});
  rig.tell(13, milliseconds{80});
  const auto used = rig.use(1300);
  CHECK(used.at(111) == Approx(800).margin(120));
  CHECK(used.at(112) == Approx(400).margin(60));
  CHECK(used.at(113) < 150);
  CHECK(used.at(113) > 30);
}

TEST_CASE("a suggestion that is used three times before the next is made up for") {
  Rig rig;
  rig.tell(11, milliseconds{10});
  rig.tell(12, milliseconds{10});
  std::map<std::uint64_t, int> used;
  for (int i = 0; i < 100; ++i) {
    const Holder next = rig.finder.choose(rig.now).path.front();
    for (int k = 0; k < 3; ++k) rig.finder.on_used(rig.now, next);
    used[next.instance] += 3;
  }
  CHECK(used.at(111) == used.at(112));
}

TEST_CASE("a long backlog costs a replica its share") {
  Rig rig;
  rig.tell(11, milliseconds{10}, 40);
  rig.tell(12, milliseconds{10}, 0);
  const auto used = rig.use(100);
  CHECK(used.at(112) > 2 * used.at(111));
}

TEST_CASE("who is not ready, refuses or is excepted is not chosen, and the choice says why") {
  Rig rig;
  CHECK(std::string(rig.finder.choose(rig.now).reason).find("no replica") == 0);
  rig.tell(11, milliseconds{10}, 0, /*is_ready=*/false);
  CHECK(rig.finder.choose(rig.now).path.empty());
  rig.tell(12, milliseconds{10});
  CHECK(std::string(rig.finder.choose(rig.now).reason).find("the only replica") == 0);
  CHECK(rig.finder.choose(rig.now, Rig::tail(12).instance).path.empty());
  rig.finder.on_refused(rig.now, Rig::tail(12));
  CHECK(rig.finder.choose(rig.now).path.empty());
  CHECK_FALSE(rig.finder.choose(rig.now + std::chrono::seconds{5}).path.empty());
  rig.finder.on_taken(Rig::tail(12));
  CHECK_FALSE(rig.finder.choose(rig.now).path.empty());
}

TEST_CASE("who says that it is the quickest and gives nothing back ends with nothing") {
  Rig rig;
  rig.tell(11, std::chrono::nanoseconds{1});  // the liar
  rig.tell(12, milliseconds{10});
  const Holder liar = Rig::tail(11);
  const Holder honest = Rig::tail(12);
  int of_liar = 0;
  for (int i = 0; i < 1000; ++i) {  // 100 s
    rig.now += milliseconds{100};
    rig.tell(11, std::chrono::nanoseconds{1});
    const Holder next = rig.finder.choose(rig.now).path.front();
    rig.finder.on_used(rig.now, next);
    if (next == liar) ++of_liar;
    if (next == honest) rig.finder.on_back(rig.now, honest);
  }
  // What it holds is bounded from the first moment, by what the honest one holds.
  CHECK(of_liar <= 16);
  CHECK(rig.is_late(liar));
  CHECK_FALSE(rig.is_late(honest));
  CHECK(rig.finder.choose(rig.now).path.front() == honest);

  rig.finder.on_back(rig.now, liar);  // it was only slow
  CHECK_FALSE(rig.is_late(liar));
}

TEST_CASE("what each replica has can be asked") {
  Rig rig;
  rig.tell(11, milliseconds{10});
  rig.tell(12, milliseconds{20});
  for (int i = 0; i < 3; ++i) rig.finder.on_used(rig.now, Rig::tail(11));
  rig.finder.on_back(rig.now, Rig::tail(11));
  const auto given = rig.finder.given(rig.now);
  REQUIRE(given.size() == 2);
  CHECK(given[0].node == Rig::tail(11).node);
  CHECK(given[0].held == 2);
  CHECK(given[0].pace == milliseconds{10});
  CHECK(given[1].held == 0);
  CHECK_FALSE(given[1].is_late);
}

TEST_CASE("nobody is late while nobody gives anything back, nor who is slow by its own account") {
  Rig rig;
  rig.tell(11, milliseconds{10});
  rig.tell(12, std::chrono::seconds{30});
  for (const auto number : {11U, 12U}) rig.finder.on_used(rig.now, Rig::tail(number));
  rig.now += std::chrono::seconds{100};
  CHECK_FALSE(rig.finder.choose(rig.now).path.empty());
  CHECK_FALSE(rig.is_late(Rig::tail(11)));  // the tails' fault, perhaps
  rig.finder.on_back(rig.now, Rig::tail(11));
  CHECK_FALSE(rig.is_late(Rig::tail(12)));
  rig.now += std::chrono::seconds{200};
  rig.finder.on_back(rig.now, Rig::tail(11));
  CHECK(rig.is_late(Rig::tail(12)));
}

}  // namespace
}  // namespace brigade::swarm

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/membership/rig.hpp"

namespace brigade::swarm::membership::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::vector<std::uint32_t> numbers(std::uint32_t first, std::uint32_t last) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t i = first; i <= last; ++i) result.push_back(i);
  return result;
}

}  // namespace

TEST_CASE("links are dialled until there are enough, and never to who can't be dialled") {
  Rig rig;
  rig.link(1);
  for (std::uint32_t i = 2; i < 30; ++i) {
    NodeRecord record = serving(i, i % 3);
    record.can_be_dialled = i % 2 == 0;
    rig.rumour(1, share(record));
  }
  for (int round = 0; round < 20; ++round) {
    rig.forget();
    rig.pass(seconds{1}, {1});
    for (const Dial& dial : rig.all_of<Dial>()) {
      CHECK(dial.record->can_be_dialled);
      CHECK(std::string(dial.reason) == "more links for news");
      rig.handle(LinkUp{dial.record->id, true});
    }
  }
  CHECK(rig.status().links == Options{}.wanted_links);
}

TEST_CASE("links that others dialled are kept up to a bound, those that training needs beyond") {
  Rig rig;
  const std::uint32_t most = Options{}.most_links;
  for (std::uint32_t i = 0; i < most + 5; ++i) rig.handle(LinkUp{node(i), false});
  CHECK(rig.status().links == most);
  CHECK(rig.all_of<Drop>().size() == 5);
  rig.handle(PinChanged{node(500), true});
  rig.handle(LinkUp{node(500), false});
  CHECK(rig.status().links == most + 1);
}

TEST_CASE("a link that training needs is dialled again with pauses") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.handle(PinChanged{node(1), true});
  rig.handle(LinkDown{node(1), true});
  int dials = 0;
  for (int round = 0; round < 60; ++round) {
    rig.forget();
    rig.pass(seconds{1}, {2});
    for (const Dial& dial : rig.all_of<Dial>()) {
      if (dial.record->id == node(1)) ++dials;
      rig.handle(DialFailed{dial.record->id});
      rig.rumour(2, share(serving(1, 1, 10u + static_cast<unsigned>(round))));
    }
  }
  CHECK(dials >= 3);
  CHECK(dials <= 8);
}

TEST_CASE("now and then one link is exchanged for another") {
  Rig rig;
  rig.link(1);
  for (std::uint32_t i = 2; i < 30; ++i) rig.rumour(1, share(serving(i, i % 3)));
  for (int round = 0; round < 300; ++round) {
    rig.pass(seconds{1}, numbers(1, 29));
    std::vector<Dial> dials = rig.all_of<Dial>();
    for (const Drop& drop : rig.all_of<Drop>()) {
      CHECK(std::string(drop.reason) == "a fresh link replaces it");
    }
    if (round == 299) CHECK(rig.all_of<Drop>().size() >= 3);
    for (const Dial& dial : dials) rig.handle(LinkUp{dial.record->id, true});
  }
}

TEST_CASE("who vanished is dialled again, with pauses that grow") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.handle(LinkDown{node(1), false});
  std::vector<TimePoint> dials;
  for (int round = 0; round < 600; ++round) {
    rig.forget();
    rig.pass(seconds{1}, {2});
    for (const Dial& dial : rig.all_of<Dial>()) {
      if (std::string(dial.reason) == "it vanished: perhaps it is back") dials.push_back(rig.now());
      rig.handle(DialFailed{dial.record->id});
    }
  }
  CHECK(std::string(rig.standing(1)) == "dead");
  REQUIRE(dials.size() >= 3);
  CHECK(dials.size() < 60);
}

TEST_CASE("a node that can't be dialled says through whom it is reached") {
  Rig rig(3, [](Options& options) {
    options.can_be_dialled = false;
    options.addresses.clear();
  });
  rig.link(1);
  rig.link(2);
  rig.pass(seconds{3}, {1, 2});
  CHECK(rig.status().self->via.size() == 2);
  const Incarnation before = rig.status().self->incarnation;
  rig.pass(seconds{60}, {1, 2});
  CHECK(rig.status().self->incarnation == before);
}

TEST_CASE("a member out of reach is doubted when all through whom it was reached are dead") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  NodeRecord hidden = serving(9, 1);
  hidden.can_be_dialled = false;
  hidden.addresses.clear();
  hidden.via = {node(1)};
  rig.rumour(1, share(hidden));
  rig.handle(LinkDown{node(1), false});
  rig.handle(DialFailed{node(1)});
  rig.say(2, ProbeResult{node(1), false});
  for (int i = 0; i < 60; ++i) {
    rig.pass(seconds{1}, {2});
    rig.say(2, ProbeResult{node(9), false});
    for (const Dial& dial : rig.all_of<Dial>()) rig.handle(DialFailed{dial.record->id});
    rig.forget();
  }
  CHECK(std::string(rig.standing(1)) == "dead");
  CHECK(std::string(rig.standing(9)) == "dead");
}

TEST_CASE("a contact that did not answer is tried again, for as long as few members are known") {
  Rig rig;
  rig.handle(Learned{share(serving(1, 1))});
  int dials = 0;
  for (int round = 0; round < 300; ++round) {
    rig.forget();
    rig.pass(seconds{1});
    for (const Dial& dial : rig.all_of<Dial>()) {
      ++dials;
      rig.handle(DialFailed{dial.record->id});
    }
  }
  CHECK(dials > 10);
  CHECK(dials < 40);
}

TEST_CASE("a contact is dialled where it said last to be, whatever is heard afterwards") {
  Rig rig;
  NodeRecord moved = serving(1, 1, 9);
  moved.addresses = {"203.0.113.9:7070"};
  rig.handle(Learned{share(serving(1, 1, 7))});
  rig.handle(Learned{share(moved)});
  rig.handle(Learned{share(serving(1, 1, 8))});
  rig.pass(seconds{20});
  const auto dials = rig.all_of<Dial>();
  REQUIRE(!dials.empty());
  for (const Dial& dial : dials) CHECK(dial.record->addresses == moved.addresses);
}

TEST_CASE(
    "in a swarm of two the other one is tried again every few seconds, however long it takes") {
  Rig rig;
  rig.link(1);
  rig.handle(LinkDown{node(1), false});
  TimePoint last;
  for (int round = 0; round < 1800; ++round) {
    rig.forget();
    rig.pass(seconds{1});
    for (const Dial& dial : rig.all_of<Dial>()) {
      if (round > 60) CHECK(rig.now() - last < seconds{45});
      last = rig.now();
      rig.handle(DialFailed{dial.record->id});
    }
  }
  CHECK(rig.now() - last < seconds{45});
}

TEST_CASE("where few can be dialled they hold links with all others") {
  Rig rig;
  for (std::uint32_t i = 0; i < 100; ++i) {
    rig.handle(LinkUp{node(i), false});
    NodeRecord hidden = serving(i, 1);
    hidden.can_be_dialled = false;
    hidden.addresses.clear();
    rig.say(i, Hello{share(hidden), {StageIndex{0}, StageIndex{2}}, {}});
    rig.pass(seconds{1}, numbers(0, i));
  }
  CHECK(rig.status().links == 100);
}

TEST_CASE("a peer that has no room is not dialled again at once") {
  Rig rig;
  rig.link(1);
  rig.rumour(1, share(serving(2, 1)));
  int dials = 0;
  for (int round = 0; round < 60; ++round) {
    rig.forget();
    rig.pass(seconds{1}, {1});
    for (const Dial& dial : rig.all_of<Dial>()) {
      ++dials;
      rig.handle(LinkUp{dial.record->id, true});
      rig.handle(LinkDown{dial.record->id, true});
    }
  }
  CHECK(dials >= 3);
  CHECK(dials <= 8);
}

}  // namespace brigade::swarm::membership::test

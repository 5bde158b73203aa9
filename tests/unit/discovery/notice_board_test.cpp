#include "daemon/discovery/notice_board.hpp"

#include "daemon/discovery/node_cache.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/unit/discovery/fake_discovery.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::string word_of(const OwnedSwarm& swarm, Notary& notary, std::uint64_t incarnation = 7) {
  return trust::seal(swarm.origin, notary.bytes_of(record_of(notary, 1, incarnation))).value();
}

struct Rig {
  OwnedSwarm swarm;
  Notary self = swarm.notary();
  FakePlace place;
  test::TemporaryFolder folder;
  NoticeBoard::Surroundings around;
  std::vector<std::string> addresses;
  std::vector<std::string> found;
  std::uint64_t incarnation = 7;
  boost::asio::io_context core;
  TimePoint now{minutes{60}};
  NoticeBoard board{
      core,
      {.origin = swarm.origin,
       .self = self.self(),
       .discovery = std::make_unique<FakeDiscovery>(place),
       .nodes_file = folder / "dht_nodes",
       .look = [this] { return around; },
       .addresses = [this] { return addresses; },
       .own_record = [this] { return self.bytes_of(record_of(self, 1, incarnation)); },
       .found = [this](const std::string& bytes) { found.push_back(bytes); },
       .aside = [](const std::function<void()>& work) { work(); }}};

  void pass(Duration time) {
    for (const TimePoint end = now + time; now < end; now += seconds{1}) {
      board.tick(now);
      core.restart();
      core.poll();
    }
  }
};

TEST_CASE("a member that can be dialled leaves its record before the last one expires") {
  Rig rig;
  rig.around = {.is_alone = false, .own_addresses = {"203.0.113.1:7070"}, .dialable = 3};
  rig.pass(minutes{20});
  CHECK(rig.place.left.size() == 5);  // each four minutes, and a value lives for ten
  for (const std::string& value : rig.place.left) CHECK(read_found(rig.swarm.origin, value));
  CHECK(read_found(OwnedSwarm().origin, rig.place.left.front()) == std::nullopt);
}

TEST_CASE("a member whose address has changed says so at once, but not all the time") {
  Rig rig;
  rig.around = {.is_alone = false, .own_addresses = {"203.0.113.1:7070"}, .dialable = 3};
  rig.pass(seconds{30});
  REQUIRE(rig.place.left.size() == 1);
  rig.around.own_addresses = {"203.0.113.2:7070"};
  rig.pass(seconds{1});
  CHECK(rig.place.left.size() == 2);
  for (int i = 0; i < 60; ++i) {
    rig.around.own_addresses = {"203.0.113.3:" + std::to_string(1'000 + i)};
    rig.pass(seconds{1});
  }
  CHECK(rig.place.left.size() <= 2 + 60 / 10);
}

TEST_CASE("a member that can't be dialled leaves nothing") {
  Rig rig;
  rig.around = {.is_alone = false, .own_addresses = {}, .dialable = 3};
  rig.pass(minutes{10});
  CHECK(rig.place.left.empty());
}

TEST_CASE("in a large swarm each leaves its record more seldom") {
  Rig rig;
  rig.around = {.is_alone = false, .own_addresses = {"203.0.113.1:7070"}, .dialable = 640};
  rig.pass(minutes{39});
  CHECK(rig.place.left.size() == 1);
  rig.pass(minutes{2});
  CHECK(rig.place.left.size() == 2);
}

TEST_CASE("a node without links looks for others, with pauses that grow; one with links seldom") {
  Rig rig;
  rig.pass(seconds{5});
  CHECK(rig.place.searches == 0);
  rig.pass(seconds{1});
  CHECK(rig.place.searches == 1);
  rig.pass(minutes{60});
  CHECK(rig.place.searches >= 14);
  CHECK(rig.place.searches <= 18);
  rig.around.is_alone = false;
  const std::size_t before = rig.place.searches;
  rig.pass(minutes{59});
  CHECK(rig.place.searches - before == 3);
  rig.around.is_alone = true;  // and at once again when the last link breaks
  rig.pass(seconds{7});
  CHECK(rig.place.searches - before == 4);
}

TEST_CASE("of what is found, only the newest word of members of this swarm is believed") {
  Rig rig;
  Notary member = rig.swarm.notary();
  Notary forger = rig.swarm.notary(OwnedSwarm().invite());  // let in by another owner
  const OwnedSwarm elsewhere;
  Notary stranger = elsewhere.notary();
  auto unreachable = std::make_shared<swarm::membership::NodeRecord>(*record_of(member, 1, 99));
  unreachable->can_be_dialled = false;
  rig.place.there = {"",
                     "noise",
                     std::string(Discovery::kMaxValueBytes + 1, 'x'),
                     word_of(rig.swarm, forger),
                     word_of(elsewhere, stranger),
                     trust::seal(rig.swarm.origin, "no record").value(),
                     trust::seal(rig.swarm.origin, stranger.bytes_of(record_of(stranger))).value(),
                     trust::seal(rig.swarm.origin, member.bytes_of(unreachable)).value(),
                     member.bytes_of(record_of(member)),  // not sealed
                     word_of(rig.swarm, rig.self),        // its own
                     word_of(rig.swarm, member, 8),
                     word_of(rig.swarm, member, 9),
                     word_of(rig.swarm, member, 8)};
  rig.pass(seconds{7});
  REQUIRE(rig.place.searches == 1);
  REQUIRE(rig.found.size() == 2);
  CHECK(rig.self.read_record(rig.found[0]).value()->incarnation.value() == 8);
  CHECK(rig.self.read_record(rig.found[1]).value()->incarnation.value() == 9);
  CHECK(rig.board.refused() == 9);
}

TEST_CASE("while few nodes of the DHT answer, members are tried in turns") {
  Rig rig;
  for (int i = 0; i < 20; ++i) rig.addresses.push_back("192.0.2." + std::to_string(i) + ":7070");
  rig.pass(seconds{1});
  CHECK(rig.place.asked_nodes.size() == 8);
  rig.pass(seconds{60});
  CHECK(rig.place.asked_nodes.size() == 4 * 8);
  CHECK(rig.place.asked_nodes[8] == rig.addresses[8]);
  rig.place.good_nodes = NoticeBoard::kFewNodes;
  rig.pass(minutes{5});
  CHECK(rig.place.asked_nodes.size() == 4 * 8);
}

TEST_CASE("the nodes of the DHT are there after a restart") {
  Rig rig;
  rig.pass(seconds{1});
  CHECK(read_dht_nodes(rig.folder / "dht_nodes") == rig.place.nodes);
  rig.place.nodes = {"192.0.2.2:7070", "[2001:db8::1]:7070"};
  rig.board.stop();
  CHECK(read_dht_nodes(rig.folder / "dht_nodes") == rig.place.nodes);
  rig.pass(minutes{10});  // nothing happens after the end
  CHECK(rig.place.searches == 0);
}

TEST_CASE("a file of nodes that somebody has spoilt holds those that are addresses") {
  const test::TemporaryFolder folder;
  const auto file =
      folder.write("dht_nodes", "192.0.2.1:7070\n\nnonsense\n:1\n[::1]:7\nlast:99999\n");
  CHECK(read_dht_nodes(file) == std::vector<std::string>{"192.0.2.1:7070", "[::1]:7"});
  CHECK(read_dht_nodes(folder / "none").empty());
  CHECK(write_dht_nodes(file, {}).has_value());  // none that answer: the old ones stay
  CHECK(read_dht_nodes(file).size() == 2);
  const std::vector<std::string> many(Discovery::kMostNodes + 9, "192.0.2.1:7070");
  CHECK(write_dht_nodes(file, many).has_value());
  CHECK(read_dht_nodes(file).size() == Discovery::kMostNodes);
}

}  // namespace
}  // namespace brigade::daemon

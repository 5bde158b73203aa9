#include "swarm/membership/membership.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/membership/rig.hpp"

namespace brigade::swarm::membership::test {
namespace {

using std::chrono::seconds;

}  // namespace

TEST_CASE("both ends of a link greet, and who greets is a member") {
  Rig rig;
  rig.link(1);
  CHECK(rig.sent_to<Hello>(1).size() == 1);
  CHECK(std::string(rig.standing(1)) == "alive");
  CHECK(rig.status().present == 2);
  CHECK(rig.sent_to<SyncDigest>(1).size() == 1);  // this end dialled: it compares
}

TEST_CASE("a greeting in another's name is misbehaviour") {
  Rig rig;
  rig.handle(LinkUp{node(1), true});
  rig.say(1, Hello{share(serving(2, 1)), {StageIndex{0}, StageIndex{2}}, {}});
  CHECK(rig.all_of<Misbehaved>().size() == 1);
  CHECK(std::string(rig.standing(2)) == "unknown");
}

TEST_CASE("a crashed peer is doubted, suspected, then dead, and others hear of the suspicion") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.forget();
  rig.handle(LinkDown{node(1), false});
  CHECK(rig.sent_to<ProbeFor>(2).size() == 1);
  REQUIRE(rig.all_of<Dial>().size() == 1);
  CHECK(std::string(rig.standing(1)) == "alive");
  rig.handle(DialFailed{node(1)});
  rig.say(2, ProbeResult{node(1), false});
  rig.pass(seconds{1}, {2});
  CHECK(std::string(rig.standing(1)) == "suspected");
  REQUIRE(!rig.told<SuspicionPtr>(2).empty());
  CHECK(rig.told<SuspicionPtr>(2)[0]->observer == node(kSelf));
  rig.pass(seconds{15}, {2});
  CHECK(std::string(rig.standing(1)) == "dead");
}

TEST_CASE("one that is expelled is forgotten at once, whatever it was, and told of to nobody") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.rumour(1, share(serving(3, 1, 7)));  // its news waits to be told
  rig.rumour(1, share(serving(4, 1, 7)));
  rig.forget();
  rig.handle(Expelled{node(3)});
  rig.handle(Expelled{node(2)});
  rig.handle(Expelled{node(9)});      // nobody knows it
  rig.handle(Expelled{node(kSelf)});  // that is the driver's to end
  CHECK(std::string(rig.standing(3)) == "unknown");
  CHECK(std::string(rig.standing(2)) == "unknown");
  CHECK(rig.status().present == 3);
  CHECK(rig.status().links == 1);
  REQUIRE(rig.all_of<Drop>().size() == 1);
  CHECK(rig.all_of<Drop>()[0].peer == node(2));
  CHECK(rig.all_of<MemberForgotten>().size() == 2);
  rig.forget();
  rig.link(5);
  rig.pass(seconds{30}, {1, 5});
  for (const RecordPtr& told : rig.told<RecordPtr>(5)) CHECK(told->id != node(3));
  for (const Dial& dial : rig.all_of<Dial>()) CHECK(dial.record->id != node(3));
}

TEST_CASE("one sign of life through another peer ends the doubt") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.handle(LinkDown{node(1), false});
  rig.handle(DialFailed{node(1)});
  rig.say(2, ProbeResult{node(1), true});
  rig.pass(seconds{10}, {2});
  CHECK(std::string(rig.standing(1)) == "alive");
}

TEST_CASE("a link closed with a goodbye is no sign of death") {
  Rig rig;
  rig.link(1);
  rig.forget();
  rig.handle(LinkDown{node(1), true});
  CHECK(rig.sent_to<ProbeFor>(2).empty());
  rig.handle(LinkUp{node(1), false});
  rig.pass(seconds{3}, {1});
  CHECK(std::string(rig.standing(1)) == "alive");
}

TEST_CASE("a silent link is probed, and silence after that is a doubt") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.forget();
  rig.pass(seconds{7}, {2});
  CHECK(rig.sent_to<Probe>(1).size() == 1);
  CHECK(rig.sent_to<Probe>(2).empty());
  CHECK(rig.sent_to<ProbeFor>(2).empty());
  rig.pass(seconds{2}, {2});
  CHECK(rig.sent_to<ProbeFor>(2).size() == 1);
}

TEST_CASE("a probe for another is passed on, and answered when the subject speaks") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.forget();
  rig.say(1, ProbeFor{node(2)});
  CHECK(rig.sent_to<Probe>(2).size() == 1);
  CHECK(rig.sent_to<ProbeResult>(1).empty());
  rig.say(2, ProbeAck{});
  REQUIRE(rig.sent_to<ProbeResult>(1).size() == 1);
  CHECK(rig.sent_to<ProbeResult>(1)[0].is_alive);
  rig.say(1, ProbeFor{node(3)});
  CHECK_FALSE(rig.sent_to<ProbeResult>(1).back().is_alive);
}

TEST_CASE("a node that is suspected says at once that it lives") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.forget();
  rig.rumour(1, suspicion(7, kSelf, 100));
  REQUIRE(!rig.told<RecordPtr>(2).empty());
  CHECK(rig.told<RecordPtr>(2).back()->incarnation == Incarnation{101});
  rig.rumour(2, suspicion(8, kSelf, 100));  // old by now
  CHECK(rig.status().self->incarnation == Incarnation{101});
  rig.rumour(2, suspicion(8, kSelf, 5000));  // never was: no liar drives the number up
  CHECK(rig.status().self->incarnation == Incarnation{101});
}

TEST_CASE("one peer's word, however often, kills nobody; a second observer's with it does") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.rumour(1, share(serving(9, 1)));
  for (int i = 0; i < 60; ++i) {
    rig.rumour(1, suspicion(1, 9));
    rig.pass(seconds{1}, {1, 2, 9});
    // What the core tries itself, to find out, succeeds.
    if (!rig.all_of<Dial>().empty()) rig.handle(LinkUp{node(9), true});
    rig.forget();
  }
  CHECK(std::string(rig.standing(9)) != "dead");

  Rig other;
  other.link(1);
  other.link(2);
  other.rumour(1, share(serving(9, 1)));
  other.rumour(1, suspicion(1, 9));
  CHECK(std::string(other.standing(9)) == "suspected");
  other.rumour(2, suspicion(2, 9));
  other.pass(seconds{15}, {1, 2});
  CHECK(std::string(other.standing(9)) == "dead");
}

TEST_CASE("where one other suspects a member, this node looks for itself before it believes") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.rumour(1, share(serving(9, 1)));
  rig.rumour(1, suspicion(1, 9));
  rig.forget();
  rig.pass(seconds{8}, {1, 2});
  REQUIRE(rig.all_of<Dial>().size() >= 1);
  rig.handle(DialFailed{node(9)});
  rig.pass(seconds{25}, {1, 2});
  CHECK(std::string(rig.standing(9)) == "dead");
}

TEST_CASE("a suspected member that answers with a higher incarnation is alive") {
  Rig rig;
  rig.link(1);
  rig.rumour(1, share(serving(9, 1)));
  rig.rumour(1, suspicion(2, 9));
  rig.rumour(1, suspicion(3, 9));
  rig.rumour(1, share(serving(9, 1, 2)));
  CHECK(std::string(rig.standing(9)) == "alive");
  rig.pass(seconds{9}, {1});
  CHECK(std::string(rig.standing(9)) == "alive");
}

TEST_CASE("a goodbye is final for its incarnation, and a restart is a new one") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.rumour(1, share(serving(9, 1, 5)));
  NodeRecord gone = serving(9, 1, 6);
  gone.doing = Doing::kGone;
  rig.rumour(1, share(gone));
  CHECK(std::string(rig.standing(9)) == "gone");
  rig.rumour(2, share(serving(9, 1, 5)));
  rig.rumour(2, share(serving(9, 1, 6)));
  CHECK(std::string(rig.standing(9)) == "gone");
  rig.rumour(2, share(serving(9, 1, 7)));
  CHECK(std::string(rig.standing(9)) == "alive");
}

TEST_CASE("a node that leaves tells all its peers at once, and says nothing after") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.forget();
  rig.handle(DoingChanged{Doing::kGone, {}, {}});
  for (const std::uint32_t peer : {1u, 2u}) {
    REQUIRE(!rig.told<RecordPtr>(peer).empty());
    CHECK(rig.told<RecordPtr>(peer).back()->doing == Doing::kGone);
  }
  CHECK(rig.core().next_wakeup() == kNever);
}

TEST_CASE("a peer held for dead that links again is told, so that it can say that it lives") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.handle(LinkDown{node(1), false});
  rig.handle(DialFailed{node(1)});
  rig.pass(seconds{25}, {2});
  REQUIRE(std::string(rig.standing(1)) == "dead");
  rig.forget();
  rig.handle(LinkUp{node(1), false});
  REQUIRE(rig.told<SuspicionPtr>(1).size() == 1);
  CHECK(rig.told<SuspicionPtr>(1)[0]->subject == node(1));
  rig.say(1, Hello{share(serving(1, 1, 2)), {StageIndex{0}, StageIndex{2}}, {}});
  CHECK(std::string(rig.standing(1)) == "alive");
}

TEST_CASE("a node without any link holds deaths open: others are believed when it is back") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.rumour(1, share(serving(9, 1)));
  rig.handle(LinkDown{node(1), false});
  rig.handle(LinkDown{node(2), false});
  for (int i = 0; i < 300; ++i) {
    rig.forget();
    rig.pass(seconds{1});
    for (const Dial& dial : rig.all_of<Dial>()) rig.handle(DialFailed{dial.record->id});
  }
  REQUIRE(std::string(rig.standing(9)) == "dead");
  rig.handle(LinkUp{node(3), true});
  rig.say(3, Hello{share(serving(3, 1)), {StageIndex{0}, StageIndex{2}}, {}});
  rig.rumour(3, share(serving(9, 1)));  // the same incarnation
  CHECK(std::string(rig.standing(9)) == "alive");
}

TEST_CASE("time in which the node itself stood still counts against nobody") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.pass(seconds{2}, {1, 2});
  rig.forget();
  rig.jump(seconds{120});
  rig.handle(Tick{});
  rig.pass(seconds{3});
  CHECK(rig.sent_to<ProbeFor>(1).empty());
  CHECK(std::string(rig.standing(1)) == "alive");
}

TEST_CASE("its own record from a former life is outdone; one that keeps coming is a second node") {
  Rig rig;
  rig.link(1);
  NodeRecord own = serving(kSelf, 1, 5000);
  rig.rumour(1, share(own));
  CHECK(rig.status().self->incarnation == Incarnation{5001});
  CHECK(rig.all_of<RunsTwice>().empty());
  for (int i = 0; i < 3; ++i) {
    own.incarnation = Incarnation{6000u + 10u * static_cast<unsigned>(i)};
    rig.rumour(1, share(own));
  }
  CHECK(rig.all_of<RunsTwice>().size() == 2);
}

TEST_CASE("a large swarm is known in the neighbourhood alone") {
  Rig rig(9, [](Options& options) { options.small_swarm = 40; });
  rig.handle(LinkUp{node(1), true});
  std::vector<Summary> summaries;
  for (std::uint32_t stage = 0; stage < 9; ++stage) {
    summaries.push_back({StageIndex{stage}, 100, 90, 5, seconds{1}, nullptr});
  }
  rig.say(1, Hello{share(serving(1, 4)), {StageIndex{3}, StageIndex{5}}, summaries});
  CHECK(rig.status().interest == Interest{StageIndex{3}, StageIndex{5}});
  CHECK(rig.status().members > 800);
}

TEST_CASE("keys that nobody knows are no observers: one peer that makes up many kills nobody") {
  Rig rig;
  rig.link(1);
  rig.link(2);
  rig.rumour(1, share(serving(9, 1)));
  for (std::uint32_t made_up = 500; made_up < 520; ++made_up) {
    rig.rumour(1, suspicion(made_up, 9));
    rig.pass(seconds{1}, {1, 2, 9});
    if (!rig.all_of<Dial>().empty()) rig.handle(LinkUp{node(9), true});
    rig.forget();
  }
  CHECK(std::string(rig.standing(9)) != "dead");
}

TEST_CASE("a node whose clock was set back learns of its former life from who holds it for dead") {
  Rig rig;  // in incarnation 100
  rig.handle(LinkUp{node(1), true});
  rig.rumour(1, suspicion(1, kSelf, 5000));  // it can't tell this from a lie, and blames nobody
  CHECK(rig.all_of<Misbehaved>().empty());
  CHECK(rig.status().self->incarnation == Incarnation{100});

  // The other side: a peer held for dead in incarnation 50 greets in incarnation 7.
  Rig other;
  other.link(1, 1, 50);
  other.link(2);
  other.handle(LinkDown{node(1), false});
  other.handle(DialFailed{node(1)});
  other.pass(seconds{25}, {2});
  REQUIRE(std::string(other.standing(1)) == "dead");
  other.forget();
  other.handle(LinkUp{node(1), false});
  other.say(1, Hello{share(serving(1, 1, 7)), {StageIndex{0}, StageIndex{2}}, {}});
  REQUIRE(!other.told<RecordPtr>(1).empty());
  CHECK(other.told<RecordPtr>(1)[0]->incarnation == Incarnation{50});
  other.forget();
  other.say(1, SyncRecords{{share(serving(1, 1, 7))}, {}, {}});
  REQUIRE(other.sent_to<SyncRecords>(1).size() == 1);
  REQUIRE(other.sent_to<SyncRecords>(1)[0].records.size() == 1);
  CHECK(other.sent_to<SyncRecords>(1)[0].records[0]->incarnation == Incarnation{50});
}

TEST_CASE("what says nothing new of the node itself is not told: a pace that hardly changed") {
  Rig rig;
  rig.link(1);
  rig.handle(PaceChanged{seconds{10}});
  const Incarnation first = rig.status().self->incarnation;
  for (int i = 0; i < 100; ++i) {
    rig.handle(PaceChanged{seconds{10} + std::chrono::milliseconds{15 * (i % 60)}});
    rig.handle(ReachChanged{true, {"192.0.2.9:7400"}});
    rig.handle(DoingChanged{Doing::kServing, StageIndex{1}, {}});
  }
  CHECK(rig.status().self->incarnation == first);
  rig.handle(PaceChanged{seconds{20}});
  CHECK(rig.status().self->incarnation > first);
}

TEST_CASE("what is over its bounds or can't be true is misbehaviour, and changes nothing") {
  const Interest all{StageIndex{0}, StageIndex{2}};
  const auto blamed = [&](Message message) {
    Rig rig;
    rig.link(1);
    rig.forget();
    rig.say(1, std::move(message));
    return !rig.all_of<Misbehaved>().empty() && rig.status().present == 2;
  };
  const RecordPtr good = share(serving(5, 1));
  NodeRecord bad = serving(6, 1);
  bad.stage = StageIndex{3};
  CHECK(blamed(Gossip{{StageIndex{2}, StageIndex{1}}, {}, {}}));
  CHECK(blamed(Gossip{{StageIndex{0}, StageIndex{3}}, {}, {}}));
  CHECK(blamed(Gossip{all, std::vector<Rumour>(limits::kMaxRumours + 1, good), {}}));
  CHECK(blamed(Gossip{all, {RecordPtr{}}, {}}));
  CHECK(blamed(Gossip{all, {SuspicionPtr{}}, {}}));
  CHECK(blamed(Gossip{all, {share(bad)}, {}}));
  CHECK(blamed(Gossip{all, {}, std::vector<Summary>(limits::kMaxSummaries + 1)}));
  CHECK(blamed(Gossip{all, {}, {{StageIndex{7}, 1, 1, 1, seconds{1}, nullptr}}}));
  CHECK(blamed(Gossip{all, {}, {{StageIndex{1}, 1, 2, 1, seconds{1}, nullptr}}}));
  CHECK(blamed(Gossip{all, {}, {{StageIndex{1}, 1, 1, 1, seconds{-1}, nullptr}}}));
  CHECK(blamed(Gossip{all, {}, {{StageIndex{1}, 1, 1, 1, seconds{1}, share(serving(5, 2))}}}));
  CHECK(blamed(SyncDigest{all, std::vector<GroupDigest>(limits::kMaxSyncGroups + 1)}));
  CHECK(blamed(SyncEntries{{}, std::vector<SyncEntry>(limits::kMaxSyncEntries + 1)}));
  CHECK(blamed(SyncRecords{std::vector<RecordPtr>(limits::kMaxSyncRecords + 1, good), {}, {}}));
  CHECK(blamed(SyncRecords{{RecordPtr{}}, {}, {}}));
  CHECK(blamed(SyncRecords{{}, {SuspicionPtr{}}, {}}));
}

TEST_CASE("what arrives after a link closed is ignored") {
  Rig rig;
  rig.rumour(1, share(serving(9, 1)));
  CHECK(std::string(rig.standing(9)) == "unknown");
  CHECK(rig.all_of<Misbehaved>().empty());
}

}  // namespace brigade::swarm::membership::test

// Whom the owner has put out, as a member deals with it: its links are played by hand.
#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/members/gossip.hpp"
#include "daemon/members/members.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

namespace membership = swarm::membership;

const membership::Interest kAll{StageIndex(0), StageIndex(2)};

/// What was done with a peer, in its order.
struct Deed {
  enum Kind { kTold, kDropped, kDialled } kind;
  NodeId peer;
  std::string what;
};

class Deeds final : public Transport {
 public:
  std::vector<Deed> all;

  Result<> start() override { return {}; }
  std::string listen_address() const override { return {}; }
  void send(const NodeId&, const swarm::Message&, std::optional<PayloadData>) override {}
  void send_gossip(const NodeId& to, std::string bytes) override {
    all.push_back({Deed::kTold, to, std::move(bytes)});
  }
  void dial(const NodeId& member, const std::string& address) override {
    all.push_back({Deed::kDialled, member, address});
  }
  void dial_through(const NodeId&, const RelayAddress&) override {}
  Result<std::string> open_way(const NodeId&, const RelayAddress&) override { return ""; }
  void drop(const NodeId& member, const std::string& reason) override {
    all.push_back({Deed::kDropped, member, reason});
  }
  std::vector<LinkInfo> links() const override { return {}; }
  TransportCounters counters() const override { return {}; }
  void stop() override {}
};

class Rig {
 public:
  explicit Rig(const std::vector<std::string>& revocations = {}) {
    Members::Setup setup;
    setup.identity = identity_;
    setup.entry.description.origin = swarm.origin;
    setup.entry.invite = swarm.invite();
    setup.entry.swarm.stages = swarm.stages;
    setup.entry.stage = 1;
    for (const std::string& one : revocations) setup.entry.revocations.push_back(one);
    setup.book = folder_ / "members";
    setup.revocations = folder_ / trust::kRevocationsFile;
    setup.now_unix_s = kNow;
    setup.beginning.identity = identity_;
    setup.beginning.folder = folder_.path();
    setup.beginning.own = [] { return std::vector<HeldCheckpoint>(); };
    setup.beginning.is_waiting = [] { return false; };
    setup.keeper.folder = folder_ / "keeps";
    members.emplace(core_, std::move(setup), [this](const Report& report) {
      if (const auto* warned = std::get_if<Warned>(&report)) warnings.push_back(warned->text);
      if (const auto* failed = std::get_if<Failed>(&report)) failure = failed->error.message;
      if (const auto* wrong = std::get_if<swarm::Misbehaved>(&report))
        blamed.push_back(wrong->peer);
    });
    TransportCallbacks training;
    training.on_link_up = [](const PeerAddress&) {};
    training.on_link_down = [](const PeerAddress&, const std::string&, bool) {};
    calls = members->callbacks_around(std::move(training));
    members->attach(transport);
    members->start("");
  }
  void link(Notary& peer) {
    const auto record = record_of(peer);
    REQUIRE(calls.admit(peer.self(), peer.bytes_of(record)).has_value());
    calls.on_link_up({peer.self(), "", StageIndex(1), false, 1});
    calls.on_gossip(
        peer.self(),
        to_gossip(membership::Message(membership::Hello{record, kAll, {}}), peer).front());
  }
  void say(const Notary& peer, const RevokedTold& told) {
    calls.on_gossip(peer.self(), to_gossip(told, kAll).front());
  }
  /// What this peer was told of revocations since the last time, all together.
  RevokedTold told(const Notary& peer) {
    RevokedTold all;
    for (const Deed& deed : std::exchange(transport.all, {})) {
      if (deed.kind != Deed::kTold || deed.peer != peer.self()) continue;
      RevokedTold one = from_gossip(deed.what, reader_).value().revoked;
      if (one.known) all.known = one.known;
      std::ranges::move(one.revocations, std::back_inserter(all.revocations));
    }
    return all;
  }
  bool knows(const Notary& peer) const {
    for (const MemberInfo& member : members->list())
      if (member.record->id == peer.self()) return true;
    return false;
  }
  const NodeId& self() const { return identity_.id; }
  /// Of the disk, once all has been written.
  trust::Revocations kept() {
    members.reset();
    return trust::load_revocations(folder_ / trust::kRevocationsFile, swarm.origin).value();
  }

  inline static const OwnedSwarm swarm{};
  std::vector<std::string> warnings;
  std::string failure;
  std::vector<NodeId> blamed;
  Deeds transport;
  TransportCallbacks calls;

 private:
  test::TemporaryFolder folder_;
  Identity identity_ = make_identity().value();
  boost::asio::io_context core_;
  Notary reader_ = swarm.notary();

 public:
  std::optional<Members> members;  // its thread posts to the strand until it is gone
};

}  // namespace

TEST_CASE("who is revoked gets the proof, then its link is closed, and all others are told") {
  Rig rig;
  Notary speaker = rig.swarm.notary();
  Notary out = rig.swarm.notary();
  Notary other = rig.swarm.notary();
  for (Notary* peer : {&speaker, &out, &other}) rig.link(*peer);
  CHECK(rig.knows(out));
  rig.transport.all.clear();
  const std::string revocation = rig.swarm.revocation(out.self(), "sends nonsense");
  rig.say(speaker, {{revocation}, {}});

  std::vector<NodeId> heard;
  std::optional<std::string> dropped;
  for (const Deed& deed : rig.transport.all) {
    if (deed.kind == Deed::kTold && deed.what.find(revocation) != std::string::npos) {
      heard.push_back(deed.peer);
      CHECK_FALSE(dropped);  // it is heard before
    }
    if (deed.kind != Deed::kDropped) continue;
    CHECK(deed.peer == out.self());
    dropped = deed.what;
  }
  CHECK(heard.size() == 2);
  CHECK(std::ranges::count(heard, speaker.self()) == 0);
  CHECK(dropped.value_or("").find("sends nonsense") != std::string::npos);
  CHECK_FALSE(rig.knows(out));
  CHECK(rig.knows(other));
  REQUIRE(rig.warnings.size() == 1);
  CHECK(rig.warnings[0].find("is put out") != std::string::npos);
  CHECK(rig.calls.admit(out.self(), out.bytes_of(record_of(out))).has_error());
  CHECK(rig.calls.may_relay(out.self(), other.self()).has_error());
  CHECK(rig.calls.may_relay(speaker.self(), other.self()).has_value());

  rig.transport.all.clear();
  rig.say(other, {{revocation}, {}});  // no news
  CHECK(rig.told(speaker).revocations.empty());
  CHECK(rig.kept().of(out.self()) != nullptr);
}

TEST_CASE("who came with a revoked invite is out, others are not") {
  Rig rig;
  const std::string invite = rig.swarm.invite();
  Notary one = rig.swarm.notary(invite);
  Notary two = rig.swarm.notary(invite);
  Notary other = rig.swarm.notary();
  for (Notary* peer : {&one, &two, &other}) rig.link(*peer);
  control::v1::RevokeRequest request;
  request.add_revocations(rig.swarm.revocation(trust::read_invite_statement(invite).value().id));
  const auto done = rig.members->revoke(request).value();
  CHECK(done.added() == 1);
  CHECK(done.told() == 3);
  CHECK_FALSE(rig.knows(one));
  CHECK_FALSE(rig.knows(two));
  CHECK(rig.knows(other));
  CHECK(rig.told(other).revocations.size() == 1);
  CHECK(rig.members->revoke(request).value().added() == 0);
  request.add_revocations("nonsense");
  CHECK(rig.members->revoke(request).has_error());
}

TEST_CASE("a forged revocation ends the link, and nothing else") {
  Rig rig;
  Notary liar = rig.swarm.notary();
  Notary victim = rig.swarm.notary();
  rig.link(liar);
  rig.link(victim);
  rig.say(liar, {{OwnedSwarm().revocation(victim.self())}, {}});
  CHECK(rig.knows(victim));
  CHECK(rig.blamed == std::vector<NodeId>{liar.self()});
  const auto is_drop = [](const Deed& deed) { return deed.kind == Deed::kDropped; };
  REQUIRE(std::ranges::count_if(rig.transport.all, is_drop) == 1);
  CHECK(std::ranges::find_if(rig.transport.all, is_drop)->peer == liar.self());
}

TEST_CASE("who knows other revocations is told all, once in a while") {
  Rig rig({Rig::swarm.revocation(NodeId{{1}}), Rig::swarm.revocation(NodeId{{2}})});
  Notary peer = rig.swarm.notary();
  rig.link(peer);
  const RevokedTold said = rig.told(peer);
  CHECK(said.revocations.empty());
  REQUIRE(said.known);
  rig.say(peer, {{}, said.known});
  CHECK_FALSE(rig.told(peer).known);  // it knows the same
  rig.say(peer, {{}, trust::Sha256{}});
  const RevokedTold all = rig.told(peer);
  CHECK(all.revocations.size() == 2);
  CHECK(all.known == said.known);
  rig.say(peer, {{}, trust::Sha256{}});
  CHECK(rig.told(peer).revocations.empty());
  rig.calls.on_link_down({peer.self(), "", StageIndex(1), false, 1}, "gone", false);
  rig.link(peer);  // another link is another chance
  rig.say(peer, {{}, trust::Sha256{}});
  CHECK(rig.told(peer).revocations.size() == 2);
}

TEST_CASE("a swarm in which nobody is revoked says nothing of it") {
  Rig rig;
  Notary peer = rig.swarm.notary();
  rig.link(peer);
  const RevokedTold told = rig.told(peer);
  CHECK_FALSE(told.known);
  CHECK(told.revocations.empty());
}

TEST_CASE("a node that is put out says so, keeps the proof and ends") {
  Rig rig;
  Notary peer = rig.swarm.notary();
  rig.link(peer);
  rig.say(peer, {{rig.swarm.revocation(rig.self(), "too slow")}, {}});
  CHECK(rig.failure == "the swarm's owner has revoked node " + to_short(rig.self()) +
                           ": too slow: this node can take part no more");
  rig.members->leave();
  CHECK(rig.kept().of(rig.self()) != nullptr);
}

}  // namespace brigade::daemon

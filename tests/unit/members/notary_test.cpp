#include "daemon/members/notary.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

using swarm::membership::says_same;

TEST_CASE("what a node says of itself is read by another as it was said") {
  const OwnedSwarm swarm;
  Notary speaker = swarm.notary();
  Notary listener = swarm.notary();
  const auto said = record_of(speaker);
  const std::string bytes = speaker.bytes_of(said);
  REQUIRE(!bytes.empty());
  const auto heard = listener.read_record(bytes).value();
  CHECK(says_same(*said, *heard));
  CHECK(heard->incarnation == said->incarnation);
  CHECK(listener.bytes_of(heard) == bytes);
  CHECK(listener.read_record(bytes).value() == heard);  // remembered, not read again
}

TEST_CASE("a changed record of one's own is signed anew, another's without proof never") {
  const OwnedSwarm swarm;
  Notary notary = swarm.notary();
  const std::string first = notary.bytes_of(record_of(notary, 1, 7));
  const std::string second = notary.bytes_of(record_of(notary, 2, 8));
  CHECK(first != second);
  const Notary other = swarm.notary();
  CHECK(notary.bytes_of(record_of(other)).empty());
}

TEST_CASE("a record that was touched, or is of another swarm, is refused") {
  const OwnedSwarm swarm;
  const OwnedSwarm elsewhere;
  Notary notary = swarm.notary();
  Notary stranger = elsewhere.notary();
  std::string bytes = notary.bytes_of(record_of(notary));
  CHECK(stranger.read_record(bytes).has_error());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  CHECK(notary.read_record(bytes).has_error());
  CHECK(notary.read_record("").has_error());
  CHECK(notary.read_record(std::string(limits::kMaxRecordBytes + 1, 'x')).has_error());
}

TEST_CASE("a node with an invite of somebody else is nobody's member") {
  const OwnedSwarm swarm;
  const OwnedSwarm elsewhere;
  Notary forger = swarm.notary(elsewhere.invite());
  Notary notary = swarm.notary();
  const auto read = notary.read_record(forger.bytes_of(record_of(forger)));
  REQUIRE(read.has_error());
  CHECK(read.error().message.find("another swarm") != std::string::npos);
}

TEST_CASE("an invite lets in as many as it says, and those again") {
  const OwnedSwarm swarm;
  const std::string invite = swarm.invite(2);
  Notary door = swarm.notary();
  Notary first = swarm.notary(invite);
  Notary second = swarm.notary(invite);
  Notary third = swarm.notary(invite);
  const auto admit = [&](Notary& node) {
    return door.admit_record(node.self(), node.bytes_of(record_of(node)), kNow);
  };
  CHECK(admit(first).has_value());
  CHECK(admit(second).has_value());
  const auto refused = admit(third);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("for 2 nodes and is used up") != std::string::npos);
  CHECK(admit(first).has_value());
  // Nor by hearsay.
  CHECK(door.read_record(third.bytes_of(record_of(third))).error().code == ErrorCode::kLimit);
}

TEST_CASE("who was let in before a restart is let in after it, whatever its invite says now") {
  const OwnedSwarm swarm;
  const std::string invite = swarm.invite(1, kNow + 60);
  Notary member = swarm.notary(invite);
  const std::string record = member.bytes_of(record_of(member));
  Notary before = swarm.notary();
  REQUIRE(before.admit_record(member.self(), record, kNow).has_value());
  Notary after = swarm.notary();
  for (const auto& [node, with] : before.admitted()) after.note_admitted(node, with);
  CHECK(after.admit_record(member.self(), record, kNow + 3600).has_value());
}

TEST_CASE("an expired invite lets in nobody new, and members again") {
  const OwnedSwarm swarm;
  const std::string invite = swarm.invite(0, kNow + 60);
  Notary door = swarm.notary();
  Notary early = swarm.notary(invite);
  Notary late = swarm.notary(invite);
  const std::string record = early.bytes_of(record_of(early));
  CHECK(door.admit_record(early.self(), record, kNow).has_value());
  CHECK(door.admit_record(early.self(), record, kNow + 3600).has_value());
  CHECK(door.admit_record(late.self(), late.bytes_of(record_of(late)), kNow + 60).has_error());
}

TEST_CASE("a peer that shows another's record is not let in") {
  const OwnedSwarm swarm;
  Notary door = swarm.notary();
  Notary honest = swarm.notary();
  const Notary thief = swarm.notary();
  CHECK(door.admit_record(thief.self(), honest.bytes_of(record_of(honest)), kNow).has_error());
  CHECK(door.admit_record(thief.self(), "", kNow).has_error());
}

TEST_CASE("a node that is revoked is no member any more, and is told of no more") {
  const OwnedSwarm swarm;
  Notary door = swarm.notary();
  Notary member = swarm.notary();
  const std::string record = member.bytes_of(record_of(member));
  const auto known = door.read_record(record).value();
  CHECK(door.bytes_of(known) == record);
  CHECK(door.revoke(swarm.revocation(member.self(), "sends nonsense")).value());
  CHECK_FALSE(door.revoke(swarm.revocation(member.self())).value());
  CHECK(door.read_record(record).error().code == ErrorCode::kLimit);  // though it was good once
  CHECK(door.bytes_of(known).empty());
  CHECK(door.revocation_of(*known)->revocation.reason == "sends nonsense");
  const auto refused = door.admit_record(member.self(), record, kNow);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("revoked node " + to_short(member.self()) +
                                     ": sends nonsense") != std::string::npos);
  CHECK(door.own_revocation() == nullptr);
  CHECK(member.revoke(swarm.revocation(member.self())).value());
  CHECK(member.own_revocation() != nullptr);
}

TEST_CASE("an invite that is revoked lets nobody in, and who came with it is out") {
  const OwnedSwarm swarm;
  const std::string invite = swarm.invite(1);
  const trust::InviteId id = trust::read_invite_statement(invite).value().id;
  Notary door = swarm.notary();
  Notary member = swarm.notary(invite);
  const std::string record = member.bytes_of(record_of(member));
  const auto known = door.admit_record(member.self(), record, kNow).value();
  CHECK(door.revoke(swarm.revocation(id)).value());
  CHECK(door.read_record(record).has_error());
  CHECK(door.bytes_of(known).empty());
  CHECK(door.revocation_of(*known) != nullptr);
  CHECK(door.admit(swarm.notary().self(), invite, kNow).error().code == ErrorCode::kLimit);
  CHECK(member.revoke(swarm.revocation(id)).value());
  CHECK(member.own_revocation() != nullptr);
  CHECK(door.own_revocation() == nullptr);
}

TEST_CASE("who came with a revoked invite comes back with another one on its terms") {
  const OwnedSwarm swarm;
  const std::string revoked = swarm.invite();
  const std::string ended = swarm.invite(0, kNow);
  Notary door = swarm.notary();
  Notary member = swarm.notary(revoked);
  const NodeId id = member.self();
  REQUIRE(door.admit_record(id, member.bytes_of(record_of(member)), kNow).has_value());
  const auto admitted = door.admitted();
  CHECK(door.admit(id, ended, kNow).has_value());  // a member may come back with any
  REQUIRE(door.revoke(swarm.revocation(trust::read_invite_statement(revoked).value().id)).value());
  CHECK(door.admit(id, ended, kNow).has_error());
  for (const auto& [node, with] : admitted) door.note_admitted(node, with);  // from the disk
  CHECK(door.admit(id, ended, kNow).has_error());
  CHECK(door.admit(id, swarm.invite(), kNow).has_value());
}

TEST_CASE("the use of an invite is not given back with the node that is revoked") {
  const OwnedSwarm swarm;
  const std::string invite = swarm.invite(1);
  Notary door = swarm.notary();
  Notary member = swarm.notary(invite);
  Notary again = swarm.notary(invite);  // the same person, another key
  REQUIRE(door.admit_record(member.self(), member.bytes_of(record_of(member)), kNow).has_value());
  REQUIRE(door.revoke(swarm.revocation(member.self())).value());
  CHECK(door.admit(again.self(), invite, kNow).error().message.find("used up") !=
        std::string::npos);
}

TEST_CASE("nobody but the owner revokes at a member") {
  const OwnedSwarm swarm;
  const OwnedSwarm elsewhere;
  Notary notary = swarm.notary();
  CHECK(notary.revoke(elsewhere.revocation(notary.self())).error().code == ErrorCode::kCorrupt);
  CHECK(notary.revoke("nonsense").error().code == ErrorCode::kCorrupt);
  CHECK(notary.own_revocation() == nullptr);
}

TEST_CASE("a suspicion is its observer's word") {
  const OwnedSwarm swarm;
  Notary observer = swarm.notary();
  const Notary subject = swarm.notary();
  const auto said =
      std::make_shared<const swarm::membership::Suspicion>(swarm::membership::Suspicion{
          subject.self(), swarm::membership::Incarnation(7), observer.self(), {}});
  std::string bytes = observer.bytes_of(said);
  const Notary listener = swarm.notary();
  const auto heard = listener.read_suspicion(bytes).value();
  CHECK(heard->subject == subject.self());
  CHECK(heard->observer == observer.self());
  CHECK(heard->incarnation.value() == 7);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  CHECK(listener.read_suspicion(bytes).has_error());
}

}  // namespace
}  // namespace brigade::daemon

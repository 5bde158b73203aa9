#include "daemon/members/gossip.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/members/swarm_of_members.hpp"

namespace brigade::daemon {
namespace {

namespace membership = swarm::membership;

/// What another node makes of it; it must fit one piece.
template <class Kind>
Kind told(const OwnedSwarm& swarm, const Kind& message, Notary& speaker) {
  const auto pieces = to_gossip(membership::Message(message), speaker);
  REQUIRE(pieces.size() == 1);
  CHECK(pieces.front().size() <= limits::kMaxGossipBytes);
  Notary listener = swarm.notary();
  return std::get<Kind>(from_gossip(pieces.front(), listener).value().message);
}

TEST_CASE("a greeting carries the record, the interest and the figures") {
  const OwnedSwarm swarm;
  Notary speaker = swarm.notary();
  membership::Hello hello;
  hello.record = record_of(speaker);
  hello.interest = {StageIndex(0), StageIndex(2)};
  hello.summaries = {{StageIndex(2), 5, 4, 120, std::chrono::seconds{3}, record_of(speaker)}};
  const auto heard = told(swarm, hello, speaker);
  CHECK(says_same(*heard.record, *hello.record));
  CHECK(heard.interest == hello.interest);
  REQUIRE(heard.summaries.size() == 1);
  CHECK(heard.summaries[0].members == 5);
  CHECK(heard.summaries[0].age == std::chrono::seconds{3});
  CHECK(heard.summaries[0].contact->id == speaker.self());
}

TEST_CASE("every small message comes as it went") {
  const OwnedSwarm swarm;
  Notary speaker = swarm.notary();
  const NodeId subject = swarm.notary().self();
  told(swarm, membership::Probe{}, speaker);
  told(swarm, membership::ProbeAck{}, speaker);
  CHECK(told(swarm, membership::ProbeFor{subject}, speaker).subject == subject);
  CHECK(told(swarm, membership::ProbeResult{subject, true}, speaker).is_alive);
}

TEST_CASE("digests and entries come as they went") {
  const OwnedSwarm swarm;
  Notary speaker = swarm.notary();
  membership::SyncDigest digest{{StageIndex(0), StageIndex(1)}, {{StageIndex(1), {}}}};
  digest.groups[0].sums[3] = 42;
  CHECK(told(swarm, digest, speaker).groups[0].sums[3] == 42);
  const membership::SyncEntries entries{{{StageIndex(1), 0x8001}},
                                        {{0xfedcba9876543210, membership::Incarnation(9)}}};
  const auto heard = told(swarm, entries, speaker);
  CHECK(heard.groups[0].buckets == 0x8001);
  CHECK(heard.entries[0].prefix == 0xfedcba9876543210);
  CHECK(heard.entries[0].incarnation.value() == 9);
}

TEST_CASE("a list of records too long for one message comes in several") {
  const OwnedSwarm swarm;
  Notary speaker = swarm.notary(swarm.invite(0, 0, limits::kMaxContacts));
  membership::SyncRecords message;
  auto longest = std::make_shared<membership::NodeRecord>(*record_of(speaker));
  longest->addresses.assign(limits::kMaxAddresses, std::string(75, 'a') + ":7070");
  for (std::size_t i = 0; i < limits::kMaxSyncRecords; ++i) message.records.push_back(longest);
  message.wants = {1, 2, 3};
  const auto pieces = to_gossip(membership::Message(message), speaker);
  CHECK(pieces.size() > 1);
  Notary listener = swarm.notary();
  std::size_t records = 0;
  std::size_t wants = 0;
  for (const std::string& piece : pieces) {
    CHECK(piece.size() <= limits::kMaxGossipBytes);
    const auto read =
        std::get<membership::SyncRecords>(from_gossip(piece, listener).value().message);
    records += read.records.size();
    wants += read.wants.size();
  }
  CHECK(records == limits::kMaxSyncRecords);
  CHECK(wants == 3);
}

TEST_CASE("what a member knows of revocations comes as it went, in as many pieces as it takes") {
  const OwnedSwarm swarm;
  const membership::Interest interest{StageIndex(1), StageIndex(2)};
  RevokedTold told{{}, trust::Sha256{1, 2, 3}};
  for (std::size_t i = 0; i < 300; ++i)
    told.revocations.emplace_back(limits::kMaxRevocationBytes, static_cast<char>(i));
  const auto pieces = to_gossip(told, interest);
  CHECK(pieces.size() == 3);
  Notary listener = swarm.notary();
  RevokedTold heard;
  for (const std::string& piece : pieces) {
    CHECK(piece.size() <= limits::kMaxGossipBytes);
    const Heard one = from_gossip(piece, listener).value();
    // To those of older versions these are rumours without any.
    CHECK(std::get<membership::Gossip>(one.message).interest == interest);
    CHECK(std::get<membership::Gossip>(one.message).rumours.empty());
    if (one.revoked.known) heard.known = one.revoked.known;
    heard.revocations.insert(heard.revocations.end(), one.revoked.revocations.begin(),
                             one.revoked.revocations.end());
  }
  CHECK(heard.known == told.known);
  CHECK(heard.revocations == told.revocations);
}

TEST_CASE("a message that names one who is revoked is taken without it") {
  const OwnedSwarm swarm;
  Notary speaker = swarm.notary();
  Notary out = swarm.notary();
  Notary listener = swarm.notary();
  const auto record = speaker.read_record(out.bytes_of(record_of(out, 2))).value();
  membership::SyncRecords message;
  message.records = {record, record_of(speaker)};
  membership::Hello hello{record_of(speaker), {StageIndex(0), StageIndex(2)}, {}};
  hello.summaries = {{StageIndex(2), 5, 4, 120, std::chrono::seconds{3}, record}};
  const std::string said = to_gossip(message, speaker).front();
  const std::string greeted = to_gossip(hello, speaker).front();
  REQUIRE(listener.revoke(swarm.revocation(out.self())).value());
  const auto heard = std::get<membership::SyncRecords>(from_gossip(said, listener).value().message);
  REQUIRE(heard.records.size() == 1);
  CHECK(heard.records[0]->id == speaker.self());
  const auto greeting = std::get<membership::Hello>(from_gossip(greeted, listener).value().message);
  REQUIRE(greeting.summaries.size() == 1);
  CHECK(greeting.summaries[0].contact == nullptr);
}

TEST_CASE("a message with anything wrong in it is refused whole") {
  const OwnedSwarm swarm;
  const OwnedSwarm elsewhere;
  Notary listener = swarm.notary();
  Notary stranger = elsewhere.notary();
  CHECK(from_gossip("", listener).has_error());
  CHECK(from_gossip("nonsense", listener).has_error());
  CHECK(from_gossip(std::string(limits::kMaxGossipBytes + 1, '\0'), listener).has_error());
  membership::SyncRecords foreign;
  foreign.records = {record_of(stranger)};
  CHECK(from_gossip(to_gossip(foreign, stranger).front(), listener).has_error());
}

}  // namespace
}  // namespace brigade::daemon

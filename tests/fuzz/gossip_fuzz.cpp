// Any bytes as a message between members, and at the door; any bytes as what a member has signed of
// itself or of another. What is accepted is within bounds and can be told on.
#include <cstdint>
#include <memory>
#include <string>

#include "base/limits.hpp"
#include "daemon/members/door.hpp"
#include "daemon/members/gossip.hpp"
#include "daemon/members/notary.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/own_key.hpp"
#include "trust/invite.hpp"

using namespace brigade;
using namespace brigade::daemon;

namespace {

constexpr std::uint32_t kStages = 8;
constexpr int kRecordKeyField = 2;
constexpr int kSwarmField = 1;
constexpr int kInviteField = 3;

struct World {
  trust::SwarmOrigin origin{fuzz::own_key().public_key(), {}};
  std::string invite;
  World() {
    trust::Invite made;
    made.origin = origin;
    made.swarm_name = "fuzz";
    invite = trust::statement_of(trust::sign_invite(fuzz::own_key(), made).value()).value();
  }
  Notary notary() const {
    auto key = trust::SigningKey::from_pem(fuzz::own_key().to_pem().value());
    return Notary(
        {std::make_shared<const trust::SigningKey>(std::move(*key)), origin, invite, kStages});
  }
};

const World& world() {
  static const World made;
  return made;
}

std::string in_our_swarm(std::string content) {
  return fuzz::with_field(std::move(content), kSwarmField, trust::id_of(world().origin).bytes);
}

void try_record(Notary& notary, const std::string& bytes) {
  const auto record = notary.read_record(bytes);
  if (record.has_error()) return fuzz::demand_readable(record.error());
  FUZZ_DEMAND(swarm::membership::fault_of(**record, kStages) == nullptr);
  FUZZ_DEMAND(notary.bytes_of(*record) == bytes);
}

void try_suspicion(Notary& notary, const std::string& bytes) {
  const auto suspicion = notary.read_suspicion(bytes);
  if (suspicion.has_error()) return fuzz::demand_readable(suspicion.error());
  FUZZ_DEMAND(notary.bytes_of(*suspicion) == bytes);
}

void try_gossip(Notary& notary, const std::string& bytes) {
  const auto message = from_gossip(bytes, notary);
  if (message.has_error()) return fuzz::demand_readable(message.error());
  for (const std::string& piece : to_gossip(message->message, notary)) {
    FUZZ_DEMAND(piece.size() <= limits::kMaxGossipBytes);
    FUZZ_DEMAND(from_gossip(piece, notary).has_value());
  }
  for (const std::string& revocation : message->revoked.revocations)
    if (const auto added = notary.revoke(revocation); added.has_error())
      fuzz::demand_readable(added.error());
}

void try_door(const std::string& bytes) {
  if (const auto read = read_entered(bytes); read.has_value())
    FUZZ_DEMAND(read->records.size() <= Door::kMostRecords);
  if (const auto port = read_reach_question(bytes); port.has_value()) FUZZ_DEMAND(*port > 0);
  if (const auto reached = read_reached(bytes); reached.has_value())
    FUZZ_DEMAND(read_reached(reach_answer(*reached)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  Notary notary = world().notary();
  try_gossip(notary, input);
  try_door(input);
  try_record(notary, input);
  try_record(notary,
             fuzz::signed_by_us("node record v1",
                                fuzz::with_field(in_our_swarm(input), kInviteField, world().invite),
                                kRecordKeyField));
  try_suspicion(notary, fuzz::signed_by_us("suspicion v1", in_our_swarm(input), kRecordKeyField));
  Door door("description", notary);
  const auto answer = door.enter(TimePoint{}, 0, {{}, {}, Asks::kEnter, input, {}}, [] {
    return Door::Inside{{}, std::vector<std::uint32_t>(kStages)};
  });
  if (answer.has_error()) fuzz::demand_readable(answer.error());
  return 0;
}

// A swarm with an owner, and nodes that it has invited, for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "daemon/members/notary.hpp"
#include "trust/invite.hpp"
#include "trust/key.hpp"

namespace brigade::daemon {

inline constexpr std::uint64_t kNow = 1'800'000'000;  // unix seconds

struct OwnedSwarm {
  trust::SigningKey owner = trust::SigningKey::make().value();
  trust::SwarmOrigin origin = trust::make_origin(owner.public_key()).value();
  std::uint32_t stages = 3;

  /// A signed statement.
  std::string invite(std::uint32_t uses = 0, std::uint64_t expires_unix_s = 0,
                     std::size_t contacts = 0) const {
    trust::Invite made;
    made.origin = origin;
    made.id = trust::make_invite_id().value();
    made.swarm_name = "tiny";
    made.created_unix_s = kNow;
    made.uses = uses;
    made.expires_unix_s = expires_unix_s;
    made.contacts.resize(contacts, {{}, std::string(100, 'a') + ":7070"});
    return trust::statement_of(trust::sign_invite(owner, made).value()).value();
  }

  /// Signed.
  std::string revocation(const trust::Revoked& subject, const std::string& reason = "") const {
    return trust::sign_revocation(owner, {origin, subject, kNow, reason}).value();
  }

  Notary notary(std::string invited_with) const {
    return Notary({std::make_shared<const trust::SigningKey>(trust::SigningKey::make().value()),
                   origin, std::move(invited_with), stages});
  }
  Notary notary() const { return notary(invite()); }
};

/// What the node of this notary says of itself.
inline swarm::membership::RecordPtr record_of(const Notary& notary, std::uint32_t stage = 1,
                                              std::uint64_t incarnation = 7) {
  auto record = std::make_shared<swarm::membership::NodeRecord>();
  record->id = notary.self();
  record->incarnation = swarm::membership::Incarnation(incarnation);
  record->doing = swarm::membership::Doing::kServing;
  record->stage = StageIndex(stage);
  record->can_be_dialled = true;
  record->addresses = {"192.0.2.7:7070"};
  record->memory_bytes = 1'000'000;
  return record;
}

}  // namespace brigade::daemon

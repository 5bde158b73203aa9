// What members sign, between its bytes and what it says: signs this node's own word, and checks
// everybody else's before anything looks at it.
//
// A record is good if the node that it names has signed it, if it shows an invite that the swarm's
// owner has signed, and if the owner has revoked neither. Checking costs two signatures, so what
// was good once is remembered by its bytes as long as somebody holds the record.
//
// Bounds: limits::kMaxRecordBytes; remembered members: kMaxKnown. Threading: one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "swarm/membership/record.hpp"
#include "trust/invite.hpp"
#include "trust/key.hpp"
#include "trust/member.hpp"
#include "trust/revocation.hpp"

namespace brigade::daemon {

class Notary {
 public:
  struct Setup {
    std::shared_ptr<const trust::SigningKey> key;  // this node's
    trust::SwarmOrigin origin;
    std::string invite;  // signed statement: what lets this node in
    std::uint32_t stages = 1;
    std::vector<std::string> revocations{};  // signed, that this node knows already
  };
  explicit Notary(Setup setup);

  const NodeId& self() const { return self_; }

  /// Signed bytes of a record or a suspicion: those it came with, or, of this node's own, new ones.
  /// Empty where this node can't vouch for it, or the owner has revoked the node that it is of.
  std::string bytes_of(const swarm::membership::RecordPtr& record);
  std::string bytes_of(const swarm::membership::SuspicionPtr& suspicion) const;

  /// kBadInput or kCorrupt, with what is wrong; kLimit, which whoever tells of it need not know:
  /// its invite is used up by others, or the owner has revoked it or its node.
  Result<swarm::membership::RecordPtr> read_record(std::string_view bytes);
  Result<swarm::membership::SuspicionPtr> read_suspicion(std::string_view bytes) const;

  /// Whether a node that shows this invite may join now: signed by the owner, neither expired nor
  /// used up by others. A member that was here before may come back with any.
  Result<> admit(const NodeId& node, std::string_view invite, std::uint64_t now_unix_s);
  /// Who was ever let in, and with which invite: kept over restarts by the caller, since a member
  /// may come back when its invite has expired.
  const std::unordered_map<NodeId, trust::InviteId>& admitted() const { return admitted_with_; }
  void note_admitted(const NodeId& node, const trust::InviteId& invite);
  /// The same for what a Hello shows; the record must be the peer's own.
  Result<swarm::membership::RecordPtr> admit_record(const NodeId& peer, std::string_view record,
                                                    std::uint64_t now_unix_s);

  /// Takes a revocation in; true: it was not known. Errors as of trust::Revocations::add().
  Result<bool> revoke(std::string_view bytes);
  const trust::Revocations& revocations() const { return revocations_; }
  /// What puts the node of a record out, one that shows this invite, or this node; null: nothing.
  const trust::Revocations::Entry* revocation_of(const swarm::membership::NodeRecord& record) const;
  const trust::Revocations::Entry* revocation_of(const NodeId& node, std::string_view invite);
  const trust::Revocations::Entry* own_revocation() { return revocation_of(self_, setup_.invite); }

 private:
  static constexpr std::size_t kMaxKnown = 65'536;

  Result<trust::Invite> check_invite(std::string_view bytes);
  Result<> check_uses(const trust::Invite& invite) const;
  Result<> check_revoked(const NodeId& node, const trust::InviteId& invite) const;
  Result<> check_terms(const NodeId& node, const trust::Invite& invite, std::uint64_t now_unix_s);
  void forget_the_dead();

  Setup setup_;
  trust::SwarmId swarm_;
  NodeId self_;
  swarm::membership::RecordPtr signed_record_;  // this node's own, the last that was signed
  std::string signed_bytes_;
  struct Good {
    std::weak_ptr<const swarm::membership::NodeRecord> record;
    trust::InviteId invite;
  };
  std::unordered_map<std::string, Good> good_;                 // by their bytes
  std::unordered_map<std::string, trust::Invite> invites_;     // good ones, by their bytes
  std::unordered_map<NodeId, trust::InviteId> admitted_with_;  // each member that was ever seen
  std::map<trust::InviteId, std::size_t> uses_;                // of those
  trust::Revocations revocations_;
};

}  // namespace brigade::daemon

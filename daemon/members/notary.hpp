// What members sign, between its bytes and what it says: signs this node's own word, and checks
// everybody else's before anything looks at it.
//
// A record is good if the node that it names has signed it, and if it shows an invite that the
// swarm's owner has signed. Checking costs two signatures, so what was good once is remembered by
// its bytes as long as somebody holds the record.
//
// Bounds: limits::kMaxRecordBytes; remembered members: kMaxKnown. Threading: one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "swarm/membership/record.hpp"
#include "trust/invite.hpp"
#include "trust/key.hpp"
#include "trust/member.hpp"

namespace brigade::daemon {

class Notary {
 public:
  struct Setup {
    std::shared_ptr<const trust::SigningKey> key;  // this node's
    trust::SwarmOrigin origin;
    std::string invite;  // signed statement: what lets this node in
    std::uint32_t stages = 1;
  };
  explicit Notary(Setup setup);

  const NodeId& self() const { return self_; }

  /// Signed bytes of a record or a suspicion: those it came with, or, of this node's own, new ones.
  /// Empty where this node can't vouch for it.
  std::string bytes_of(const swarm::membership::RecordPtr& record);
  std::string bytes_of(const swarm::membership::SuspicionPtr& suspicion) const;

  /// kBadInput or kCorrupt, with what is wrong; kLimit: its invite is used up by others.
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

 private:
  static constexpr std::size_t kMaxKnown = 65'536;

  Result<trust::Invite> check_invite(std::string_view bytes);
  Result<> check_uses(const trust::Invite& invite) const;
  Result<> check_terms(const NodeId& node, const trust::Invite& invite, std::uint64_t now_unix_s);
  void forget_the_dead();

  Setup setup_;
  trust::SwarmId swarm_;
  NodeId self_;
  swarm::membership::RecordPtr signed_record_;  // this node's own, the last that was signed
  std::string signed_bytes_;
  std::unordered_map<std::string, std::weak_ptr<const swarm::membership::NodeRecord>> good_;
  std::unordered_map<std::string, trust::Invite> invites_;     // good ones, by their bytes
  std::unordered_map<NodeId, trust::InviteId> admitted_with_;  // each member that was ever seen
  std::map<trust::InviteId, std::size_t> uses_;                // of those
};

}  // namespace brigade::daemon

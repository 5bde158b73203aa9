#include "daemon/members/notary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/limits.hpp"

namespace brigade::daemon {

namespace membership = swarm::membership;

namespace {

constexpr std::size_t kMaxInvites = 4096;  // remembered as good

Error bad_input(std::string text) {
  return make_error(ErrorCode::kBadInput, std::move(text));
}

membership::SignedBytes to_proof(std::string_view bytes) {
  auto proof = std::make_shared<std::vector<std::byte>>(bytes.size());
  std::memcpy(proof->data(), bytes.data(), bytes.size());
  return proof;
}

std::string to_string(const membership::SignedBytes& proof) {
  return {reinterpret_cast<const char*>(proof->data()), proof->size()};
}

trust::NodeRecord to_statement(const membership::NodeRecord& record, const trust::SwarmId& swarm,
                               const trust::PublicKey& key, const std::string& invite) {
  trust::NodeRecord out;
  out.swarm = swarm;
  out.key = key;
  out.invite = invite;
  out.incarnation = record.incarnation.value();
  out.doing = static_cast<std::uint32_t>(record.doing);
  if (record.stage) out.stage = record.stage->value();
  out.target = record.target.value();
  out.can_be_dialled = record.can_be_dialled;
  out.addresses = record.addresses;
  out.via = record.via;
  out.memory_bytes = record.memory_bytes;
  out.pace_ns = static_cast<std::uint64_t>(record.pace.count());
  out.stays = record.stays;
  out.has_state = record.has_state;
  return out;
}

std::shared_ptr<membership::NodeRecord> from_statement(const trust::NodeRecord& in) {
  auto record = std::make_shared<membership::NodeRecord>();
  record->id = trust::node_id_of(in.key);
  record->incarnation = membership::Incarnation(in.incarnation);
  constexpr auto kLast = static_cast<std::uint32_t>(membership::Doing::kDrained);
  record->doing = static_cast<membership::Doing>(std::min(in.doing, kLast + 1));
  if (in.stage) record->stage = StageIndex(*in.stage);
  record->target = StageIndex(in.target);
  record->can_be_dialled = in.can_be_dialled;
  record->addresses = in.addresses;
  record->via = in.via;
  record->memory_bytes = in.memory_bytes;
  record->pace = Duration(static_cast<Duration::rep>(in.pace_ns));
  record->stays = in.stays;
  record->has_state = in.has_state;
  return record;
}

}  // namespace

Notary::Notary(Setup setup)
    : setup_(std::move(setup)),
      swarm_(trust::id_of(setup_.origin)),
      self_(trust::node_id_of(setup_.key->public_key())),
      revocations_(setup_.origin) {
  for (const std::string& bytes : setup_.revocations) static_cast<void>(revocations_.add(bytes));
}

std::string Notary::bytes_of(const membership::RecordPtr& record) {
  if (record->proof)
    return revocation_of(*record) == nullptr ? to_string(record->proof) : std::string();
  if (record->id != self_) return {};
  if (record != signed_record_) {
    auto bytes = trust::sign_record(
        *setup_.key, to_statement(*record, swarm_, setup_.key->public_key(), setup_.invite));
    if (bytes.has_error()) return {};
    signed_record_ = record;
    signed_bytes_ = std::move(*bytes);
  }
  return signed_bytes_;
}

std::string Notary::bytes_of(const membership::SuspicionPtr& suspicion) const {
  if (suspicion->proof) return to_string(suspicion->proof);
  if (suspicion->observer != self_) return {};
  const auto bytes = trust::sign_suspicion(
      *setup_.key,
      {swarm_, setup_.key->public_key(), suspicion->subject, suspicion->incarnation.value()});
  return bytes.has_value() ? *bytes : std::string();
}

Result<membership::RecordPtr> Notary::read_record(std::string_view bytes) {
  if (bytes.size() > limits::kMaxRecordBytes) return bad_input("a node's record that is too long");
  const std::string key(bytes);
  if (const auto known = good_.find(key); known != good_.end()) {
    if (auto record = known->second.record.lock()) {
      BRIGADE_TRY(check_revoked(record->id, known->second.invite));
      return record;
    }
  }
  BRIGADE_ASSIGN(const trust::NodeRecord read, trust::read_record(bytes, swarm_));
  BRIGADE_ASSIGN(const trust::Invite invite, check_invite(read.invite));
  const auto record = from_statement(read);
  record->proof = to_proof(bytes);
  if (const char* fault = membership::fault_of(*record, setup_.stages)) {
    return bad_input(fmt::format("{}: {}", to_short(record->id), fault));
  }
  BRIGADE_TRY(check_revoked(record->id, invite.id));
  // Who is new with an invite that is used up is nobody, whoever tells of it.
  if (!admitted_with_.contains(record->id)) BRIGADE_TRY(check_uses(invite));
  forget_the_dead();
  good_.insert_or_assign(key, Good{record, invite.id});
  note_admitted(record->id, invite.id);
  return membership::RecordPtr(record);
}

Result<membership::SuspicionPtr> Notary::read_suspicion(std::string_view bytes) const {
  BRIGADE_ASSIGN(const trust::Suspicion read, trust::read_suspicion(bytes, swarm_));
  auto suspicion = std::make_shared<membership::Suspicion>();
  suspicion->subject = read.subject;
  suspicion->incarnation = membership::Incarnation(read.incarnation);
  suspicion->observer = trust::node_id_of(read.observer);
  suspicion->proof = to_proof(bytes);
  if (const char* fault = membership::fault_of(*suspicion)) return bad_input(fault);
  return membership::SuspicionPtr(suspicion);
}

Result<> Notary::admit(const NodeId& node, std::string_view invite, std::uint64_t now_unix_s) {
  BRIGADE_ASSIGN(const trust::Invite read, check_invite(invite));
  BRIGADE_TRY(check_revoked(node, read.id));
  return check_terms(node, read, now_unix_s);
}

Result<membership::RecordPtr> Notary::admit_record(const NodeId& peer, std::string_view record,
                                                   std::uint64_t now_unix_s) {
  if (record.empty()) return bad_input("it shows no record of itself");
  BRIGADE_ASSIGN(const trust::NodeRecord read, trust::read_record(record, swarm_));
  if (trust::node_id_of(read.key) != peer) return bad_input("it shows the record of another node");
  BRIGADE_TRY(admit(peer, read.invite, now_unix_s));
  return read_record(record);
}

Result<trust::Invite> Notary::check_invite(std::string_view bytes) {
  const std::string key(bytes);
  if (const auto known = invites_.find(key); known != invites_.end()) return known->second;
  BRIGADE_ASSIGN(trust::Invite invite, trust::read_invite_statement(bytes));
  if (!(invite.origin == setup_.origin)) return bad_input("its invite is to another swarm");
  if (invites_.size() >= kMaxInvites) invites_.clear();
  invites_.emplace(key, invite);
  return invite;
}

Result<> Notary::check_terms(const NodeId& node, const trust::Invite& invite,
                             std::uint64_t now_unix_s) {
  if (admitted_with_.contains(node)) return {};
  if (invite.is_expired(now_unix_s)) {
    return bad_input("its invite has expired: ask the swarm's owner for a new one");
  }
  return check_uses(invite);
}

Result<> Notary::check_uses(const trust::Invite& invite) const {
  const auto used = uses_.find(invite.id);
  if (invite.uses == 0 || used == uses_.end() || used->second < invite.uses) return {};
  return make_error(ErrorCode::kLimit,
                    fmt::format("its invite was for {} node{} and is used up: ask the swarm's "
                                "owner for a new one",
                                invite.uses, invite.uses == 1 ? "" : "s"));
}

void Notary::note_admitted(const NodeId& node, const trust::InviteId& invite) {
  if (admitted_with_.size() >= kMaxKnown || revocations_.of(invite) != nullptr) return;
  if (admitted_with_.try_emplace(node, invite).second) ++uses_[invite];
}

void Notary::forget_the_dead() {
  if (good_.size() < limits::kMaxMembers) return;
  std::erase_if(good_, [](const auto& entry) { return entry.second.record.expired(); });
}

Result<bool> Notary::revoke(std::string_view bytes) {
  BRIGADE_ASSIGN(const trust::Revocations::Entry* added, revocations_.add(bytes));
  if (added == nullptr) return false;
  // Who comes back with another invite is new with that one. A revoked node stays counted: the use
  // of its invite is not given back to whoever runs it.
  if (const auto* invite = std::get_if<trust::InviteId>(&added->revocation.subject))
    std::erase_if(admitted_with_, [&](const auto& entry) { return entry.second == *invite; });
  return true;
}

const trust::Revocations::Entry* Notary::revocation_of(const membership::NodeRecord& record) const {
  if (revocations_.all().empty()) return nullptr;
  const auto known = record.proof ? good_.find(to_string(record.proof)) : good_.end();
  return known == good_.end() ? revocations_.of(record.id)
                              : revocations_.of(record.id, known->second.invite);
}

const trust::Revocations::Entry* Notary::revocation_of(const NodeId& node,
                                                       std::string_view invite) {
  const auto read = check_invite(invite);
  return read.has_error() ? revocations_.of(node) : revocations_.of(node, read->id);
}

Result<> Notary::check_revoked(const NodeId& node, const trust::InviteId& invite) const {
  const trust::Revocations::Entry* entry = revocations_.of(node, invite);
  if (entry == nullptr) return {};
  return make_error(ErrorCode::kLimit, trust::describe(entry->revocation));
}

}  // namespace brigade::daemon

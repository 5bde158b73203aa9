#include "trust/member.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/host_port.hpp"
#include "base/limits.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "trust/fields.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {

namespace {

constexpr std::string_view kRecord = "node record v1";
constexpr std::string_view kSuspicion = "suspicion v1";

Error refused(const char* why) {
  return make_error(ErrorCode::kCorrupt, why);
}

bool is_within_bounds(const NodeRecord& record) {
  const auto is_address = [](const std::string& text) {
    return is_word(text, limits::kMaxAddressBytes) && is_host_port(text);
  };
  return record.invite.size() <= limits::kMaxInviteBytes &&
         record.stage.value_or(0) < limits::kMaxStages && record.target < limits::kMaxStages &&
         record.addresses.size() <= limits::kMaxAddresses &&
         std::all_of(record.addresses.begin(), record.addresses.end(), is_address) &&
         record.via.size() <= limits::kMaxVia && record.pace_ns <= limits::kMaxPaceNs;
}

}  // namespace

Result<std::string> sign_record(const SigningKey& key, const NodeRecord& record) {
  BRIGADE_CHECK(key.public_key() == record.key, "signed with another node's key");
  if (!is_within_bounds(record)) {
    return make_error(ErrorCode::kLimit, "this node's record is beyond the bounds of one");
  }
  v1::NodeRecord message;
  set_bytes(message.mutable_swarm_id(), record.swarm.bytes);
  set_bytes(message.mutable_public_key(), record.key.bytes);
  message.set_invite(record.invite);
  message.set_incarnation(record.incarnation);
  message.set_doing(record.doing);
  if (record.stage) message.set_stage(*record.stage);
  message.set_target(record.target);
  message.set_can_be_dialled(record.can_be_dialled);
  for (const std::string& address : record.addresses) message.add_addresses(address);
  for (const NodeId& node : record.via) set_bytes(message.add_via(), node.bytes);
  message.set_memory_bytes(record.memory_bytes);
  message.set_pace_ns(record.pace_ns);
  message.set_stays(record.stays);
  message.set_has_state(record.has_state);
  return sign_statement(key, kRecord, message.SerializeAsString());
}

Result<NodeRecord> read_record(std::string_view bytes, const SwarmId& swarm) {
  BRIGADE_ASSIGN(const Statement statement, parse_statement(bytes));
  v1::NodeRecord message;
  NodeRecord record;
  if (!message.ParseFromString(statement.content) ||
      !get_bytes(message.swarm_id(), record.swarm.bytes) ||
      !get_bytes(message.public_key(), record.key.bytes)) {
    return refused("it is no node's record");
  }
  if (record.swarm != swarm) return refused("it is the record of a node of another swarm");
  record.invite = std::move(*message.mutable_invite());
  record.incarnation = message.incarnation();
  record.doing = message.doing();
  if (message.has_stage()) record.stage = message.stage();
  record.target = message.target();
  record.can_be_dialled = message.can_be_dialled();
  record.addresses.assign(message.addresses().begin(), message.addresses().end());
  record.memory_bytes = message.memory_bytes();
  record.pace_ns = message.pace_ns();
  record.stays = message.stays();
  record.has_state = message.has_state();
  for (const std::string& via : message.via()) {
    if (!get_bytes(via, record.via.emplace_back().bytes)) return refused("it names no node's id");
  }
  if (!is_within_bounds(record)) return refused("a node's record beyond the bounds of one");
  if (!is_signed_by(record.key, kRecord, statement.content, statement.signature)) {
    return refused("a node's record that this node has not signed");
  }
  return record;
}

Result<std::string> sign_suspicion(const SigningKey& key, const Suspicion& suspicion) {
  BRIGADE_CHECK(key.public_key() == suspicion.observer, "signed with another node's key");
  v1::Suspicion message;
  set_bytes(message.mutable_swarm_id(), suspicion.swarm.bytes);
  set_bytes(message.mutable_public_key(), suspicion.observer.bytes);
  set_bytes(message.mutable_subject(), suspicion.subject.bytes);
  message.set_incarnation(suspicion.incarnation);
  return sign_statement(key, kSuspicion, message.SerializeAsString());
}

Result<Suspicion> read_suspicion(std::string_view bytes, const SwarmId& swarm) {
  BRIGADE_ASSIGN(const Statement statement, parse_statement(bytes));
  v1::Suspicion message;
  Suspicion suspicion;
  if (!message.ParseFromString(statement.content) ||
      !get_bytes(message.swarm_id(), suspicion.swarm.bytes) ||
      !get_bytes(message.public_key(), suspicion.observer.bytes) ||
      !get_bytes(message.subject(), suspicion.subject.bytes)) {
    return refused("it is no suspicion");
  }
  if (suspicion.swarm != swarm) return refused("it is a suspicion from another swarm");
  suspicion.incarnation = message.incarnation();
  if (!is_signed_by(suspicion.observer, kSuspicion, statement.content, statement.signature)) {
    return refused("a suspicion that its observer has not signed");
  }
  return suspicion;
}

}  // namespace brigade::trust

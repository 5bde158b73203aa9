#include "daemon/members_status.hpp"

#include <algorithm>
#include <chrono>

namespace brigade::daemon {

namespace {

void fill_record(control::v1::MemberStatus& out, const MemberInfo& member) {
  out.set_node(to_hex(member.record->id));
  out.set_has_stage(member.record->stage.has_value());
  out.set_stage(member.record->stage.value_or(StageIndex{}).value());
  out.set_doing(swarm::membership::to_string(member.record->doing));
  out.set_standing(swarm::membership::to_string(member.standing));
  out.set_is_self(member.is_self);
  out.set_is_linked(member.is_linked);
  out.set_can_be_dialled(member.record->can_be_dialled);
  if (member.relay) out.set_relay(to_hex(*member.relay));
  if (!member.record->addresses.empty()) out.set_address(member.record->addresses.front());
}

void fill_trouble(control::v1::MemberStatus& out, const MemberTrouble& trouble) {
  out.set_last_error(trouble.last_error);
  out.set_misdeeds(trouble.conduct.misdeeds);
  out.set_quarantined_s(std::chrono::duration<double>(trouble.conduct.quarantined).count());
  out.set_quarantine_reason(trouble.conduct.reason);
}

void fill_given(control::v1::GivenStatus& out, const swarm::Given& given) {
  out.set_held(given.held);
  out.set_pace_ms(std::chrono::duration<double, std::milli>(given.pace).count());
  out.set_is_late(given.is_late);
}

}  // namespace

void tell_of_members(const Members& members, const std::vector<swarm::Given>& given,
                     control::v1::NodeStatus& out) {
  for (const MemberInfo& member : members.list()) {
    const NodeId& id = member.record->id;
    auto& told = *out.add_members();
    fill_record(told, member);
    if (member.is_self) continue;
    fill_trouble(told, members.trouble_with(id));
    const auto got = std::ranges::find(given, id, &swarm::Given::node);
    if (got != given.end()) fill_given(*told.mutable_given(), *got);
  }
  if (!members.waiting_for().empty()) out.set_waiting_for(members.waiting_for());
  out.set_discovery(members.discovery_status());
  out.set_port_mapping(members.port_mapping_status());
  out.set_reach(members.reach_status());
  out.set_dht_nodes(static_cast<std::uint32_t>(members.dht_nodes()));
}

}  // namespace brigade::daemon

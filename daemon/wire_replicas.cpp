#include "daemon/wire_replicas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "daemon/wire_fields.hpp"

namespace brigade::daemon {

namespace {

static_assert(static_cast<int>(swarm::PathRequest::Kind::kReplan) == wire::PATH_REPLAN);
static_assert(static_cast<int>(swarm::PathRequest::Kind::kSuspended) == wire::PATH_SUSPENDED);
static_assert(static_cast<int>(swarm::PathRequest::Kind::kResumed) == wire::PATH_RESUMED);
static_assert(static_cast<int>(swarm::PathRequest::Kind::kAdopt) == wire::PATH_ADOPT);
static_assert(static_cast<int>(swarm::PathRequest::Kind::kClosed) == wire::PATH_CLOSED);
static_assert(static_cast<int>(swarm::PathRequest::Kind::kSooner) == wire::PATH_SOONER);

Result<std::vector<swarm::Holder>> holders_from(
    const google::protobuf::RepeatedPtrField<wire::Holder>& in) {
  BRIGADE_TRY(check_at_most("holders", static_cast<std::uint64_t>(in.size()),
                            limits::kMaxStagesOfReplicas));
  std::vector<swarm::Holder> out;
  out.reserve(static_cast<std::size_t>(in.size()));
  for (const wire::Holder& holder : in) {
    BRIGADE_ASSIGN(const NodeId node, node_from(holder.node()));
    out.push_back({node, holder.instance()});
  }
  return out;
}

void holders_to(const std::vector<swarm::Holder>& in,
                google::protobuf::RepeatedPtrField<wire::Holder>& out) {
  for (const swarm::Holder& holder : in) {
    wire::Holder& one = *out.Add();
    one.set_node(holder.node.bytes.data(), holder.node.bytes.size());
    one.set_instance(holder.instance);
  }
}

}  // namespace

Result<swarm::Path> path_from(const wire::Path& in) {
  swarm::Path out;
  BRIGADE_ASSIGN(out.holders, holders_from(in.holders()));
  out.revision = in.revision();
  BRIGADE_TRY(check_at_most("given", in.given(), limits::kMaxStagesOfReplicas));
  out.given = in.given();
  BRIGADE_TRY(check_at_most("floor", in.floor(), limits::kMaxPosition));
  out.floor = Sequence(in.floor());
  return out;
}

void path_to(const swarm::Path& in, wire::Path& out) {
  holders_to(in.holders, *out.mutable_holders());
  out.set_revision(in.revision);
  out.set_given(in.given);
  out.set_floor(in.floor.value());
}

Result<swarm::Offer> offer_from(const wire::Offer& in) {
  swarm::Offer out;
  BRIGADE_ASSIGN(out.path, holders_from(in.path()));
  out.queue = in.queue();
  BRIGADE_TRY(check_at_most("pace", in.pace_ns(), limits::kMaxPaceNs));
  out.pace = duration_from(in.pace_ns());
  return out;
}

void offer_to(const swarm::Offer& in, wire::Offer& out) {
  holders_to(in.path, *out.mutable_path());
  out.set_queue(in.queue);
  out.set_pace_ns(std::min(nanoseconds_of(in.pace), limits::kMaxPaceNs));
}

Result<swarm::Message> node_beacon_from(const wire::NodeBeacon& in) {
  swarm::NodeBeacon out;
  out.is_ready = in.is_ready();
  out.is_draining = in.is_draining();
  out.is_leaving = in.is_leaving();
  BRIGADE_ASSIGN(out.stamp, clock_from("stamp", in.stamp_ns()));
  BRIGADE_ASSIGN(out.echo, clock_from("echo", in.echo_ns()));
  BRIGADE_ASSIGN(out.held, clock_from("held", in.held_ns()));
  BRIGADE_ASSIGN(out.every, clock_from("every", in.every_ns()));
  BRIGADE_ASSIGN(out.offer, offer_from(in.offer()));
  BRIGADE_TRY(check_at_most("instances that are gone", static_cast<std::uint64_t>(in.gone_size()),
                            limits::kMaxGoneTold));
  out.gone.assign(in.gone().begin(), in.gone().end());
  BRIGADE_TRY(check_at_most("floors", static_cast<std::uint64_t>(in.floors_size()),
                            limits::kMaxFloorsTold));
  for (const wire::NodeBeacon::Floor& floor : in.floors()) {
    BRIGADE_TRY(check_at_most("floor", floor.sequence(), limits::kMaxPosition));
    BRIGADE_ASSIGN(const Duration age, clock_from("age", floor.age_ns()));
    out.floors.push_back({HeadIndex(floor.head()), Sequence(floor.sequence()), age});
  }
  return swarm::Message(std::move(out));
}

Result<swarm::Message> path_request_from(const wire::PathRequest& in) {
  swarm::PathRequest out;
  const int kind = in.kind();
  if (kind < wire::PATH_REPLAN || kind > wire::PATH_SOONER)
    return protocol_error(fmt::format("unknown path request {}", kind));
  out.kind = static_cast<swarm::PathRequest::Kind>(kind);  // asserted above
  BRIGADE_ASSIGN(out.id, id_from(in.id()));
  BRIGADE_TRY(check_at_most("stage", in.stage(), limits::kMaxStages - 1));
  out.stage = StageIndex(in.stage());
  BRIGADE_ASSIGN(out.path, path_from(in.path()));
  return swarm::Message(std::move(out));
}

void node_beacon_to(const swarm::NodeBeacon& in, wire::NodeBeacon& out) {
  out.set_is_ready(in.is_ready);
  out.set_is_draining(in.is_draining);
  out.set_is_leaving(in.is_leaving);
  out.set_stamp_ns(nanoseconds_of(in.stamp));
  out.set_echo_ns(nanoseconds_of(in.echo));
  out.set_held_ns(nanoseconds_of(in.held));
  out.set_every_ns(nanoseconds_of(in.every));
  offer_to(in.offer, *out.mutable_offer());
  out.mutable_gone()->Add(in.gone.begin(), in.gone.end());
  for (const swarm::NodeBeacon::Floor& floor : in.floors) {
    wire::NodeBeacon::Floor& one = *out.add_floors();
    one.set_head(floor.head.value());
    one.set_sequence(floor.sequence.value());
    one.set_age_ns(nanoseconds_of(floor.age));
  }
}

void path_request_to(const swarm::PathRequest& in, wire::PathRequest& out) {
  out.set_kind(static_cast<wire::PathRequestKind>(in.kind));
  id_to(in.id, *out.mutable_id());
  out.set_stage(in.stage.value());
  path_to(in.path, *out.mutable_path());
}

}  // namespace brigade::daemon

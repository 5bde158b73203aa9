// Messages of replicas between the core's words and the wire's; wire.hpp says what is checked.
#pragma once

#include <brigade/v1/link.pb.h>

#include "base/result.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

namespace wire = brigade::v1;

Result<swarm::Path> path_from(const wire::Path& in);
void path_to(const swarm::Path& in, wire::Path& out);
Result<swarm::Offer> offer_from(const wire::Offer& in);
void offer_to(const swarm::Offer& in, wire::Offer& out);
Result<swarm::Message> node_beacon_from(const wire::NodeBeacon& in);
void node_beacon_to(const swarm::NodeBeacon& in, wire::NodeBeacon& out);
Result<swarm::Message> path_request_from(const wire::PathRequest& in);
void path_request_to(const swarm::PathRequest& in, wire::PathRequest& out);

}  // namespace brigade::daemon

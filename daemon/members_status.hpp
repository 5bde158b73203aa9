// What a node tells of the other members over the control service.
#pragma once

#include <vector>

#include <brigade/control/v1/control.pb.h>
#include "daemon/members/members.hpp"
#include "swarm/given.hpp"

namespace brigade::daemon {

void tell_of_members(const Members& members, const std::vector<swarm::Given>& given,
                     control::v1::NodeStatus& out);

}  // namespace brigade::daemon

// Between the core's messages and brigade.v1.FrameHeader. from_wire checks every field: what it
// lets through is within base/limits.hpp, finite, and of a known kind.
#pragma once

#include <brigade/v1/link.pb.h>

#include "daemon/frame.hpp"

namespace brigade::daemon {

namespace wire = brigade::v1;

wire::FrameHeader to_wire(const FrameBody& body, const PayloadData* payload);
Result<ParsedHeader> from_wire(const wire::FrameHeader& header);

}  // namespace brigade::daemon

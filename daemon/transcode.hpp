// A payload in another codec, for a peer that does not decode the one it was made in.
//
// Rare: what a stage computes is encoded for its links as they are then. A link that comes up
// later, to a node that decodes less, gets what waits for it in fp32: the numbers that the first
// encoding left, so that nothing is rounded twice.
#pragma once

#include "base/result.hpp"
#include "daemon/payload.hpp"

namespace brigade::daemon {

/// kLimit: no memory. kProtocol: the bytes are not what their codec writes.
Result<PayloadData> to_fp32(const PayloadData& payload);

}  // namespace brigade::daemon

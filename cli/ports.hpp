// Free TCP ports of the loopback interface.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"

namespace brigade::cli {

/// `count` different ports that nobody listens on at this moment. Somebody else may take one before
/// it is used: whoever starts a listener there must be ready to ask again.
Result<std::vector<std::uint16_t>> find_free_ports(std::uint32_t count);

}  // namespace brigade::cli

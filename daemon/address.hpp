// host:port as people write it: name:7070, 10.0.0.1:7070, [::1]:7070.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace brigade::daemon {

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};

/// kBadInput with the address and what was expected.
Result<HostPort> split_address(const std::string& address);

/// The inverse: brackets around an IPv6 address.
std::string join_address(const std::string& host, std::uint16_t port);

}  // namespace brigade::daemon

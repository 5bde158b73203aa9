#include "daemon/address.hpp"

#include <fmt/format.h>

#include <charconv>

namespace brigade::daemon {

Result<HostPort> split_address(const std::string& address) {
  const Error wrong = make_error(
      ErrorCode::kBadInput,
      fmt::format("{}: not an address: expected host:port, as 0.0.0.0:7070 or [::1]:7070",
                  address));
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  HostPort parts;
  parts.host = address.substr(0, colon);
  const bool is_bracketed =
      parts.host.size() > 2 && parts.host.front() == '[' && parts.host.back() == ']';
  if (is_bracketed) {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find_first_of(":[]") != std::string::npos) {
    return wrong;
  }
  const char* begin = address.data() + colon + 1;
  const char* end = address.data() + address.size();
  const auto [rest, error] = std::from_chars(begin, end, parts.port);
  if (error != std::errc{} || rest != end) return wrong;
  return parts;
}

std::string join_address(const std::string& host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace brigade::daemon

// HOST:PORT as text.
#pragma once

#include <string_view>

namespace brigade {

/// "name:7070", "10.0.0.1:7070", "[::1]:7070": one host, without a scheme or a path, and a port of
/// 0 … 65535. What strangers name is dialled only if it looks like this.
constexpr bool is_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (host.find_first_of(":[]") != std::string_view::npos && !is_bracketed) return false;
  if (host.find_first_of(" \t/") != std::string_view::npos) return false;
  constexpr std::size_t kMostDigits = 5;
  constexpr unsigned kMaxPort = 65'535;
  unsigned number = 0;
  for (const char digit : port) {
    if (digit < '0' || digit > '9') return false;
    number = number * 10 + static_cast<unsigned>(digit - '0');
  }
  return !port.empty() && port.size() <= kMostDigits && number <= kMaxPort;
}

}  // namespace brigade

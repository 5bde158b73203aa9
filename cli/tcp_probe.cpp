#include "cli/tcp_probe.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace brigade::cli {

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses look_up(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

Probe connect_to(int descriptor, const addrinfo& to, std::chrono::milliseconds timeout) {
  if (::connect(descriptor, to.ai_addr, to.ai_addrlen) == 0) return Probe::kAnswered;
  if (errno == ECONNREFUSED) return Probe::kRefused;
  if (errno != EINPROGRESS) return Probe::kSilent;
  pollfd connecting{descriptor, POLLOUT, 0};
  if (::poll(&connecting, 1, static_cast<int>(timeout.count())) <= 0) return Probe::kSilent;
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure == 0) return Probe::kAnswered;
  return failure == ECONNREFUSED ? Probe::kRefused : Probe::kSilent;
}

}  // namespace

Probe probe_tcp(const std::string& address, std::chrono::milliseconds timeout) {
  const Addresses addresses = look_up(address);
  if (!addresses) return Probe::kUnknownName;
  const int descriptor = ::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                  addresses->ai_protocol);
  if (descriptor < 0) return Probe::kSilent;
  const Probe probe = connect_to(descriptor, *addresses, timeout);
  ::close(descriptor);
  return probe;
}

const char* to_string(Probe probe) {
  switch (probe) {
    case Probe::kAnswered:
      return "answers";
    case Probe::kRefused:
      return "refuses the connection";
    case Probe::kSilent:
      return "does not answer";
    case Probe::kUnknownName:
      return "is a name without an address";
    case Probe::kNotTried:
      break;
  }
  return "was not tried";
}

}  // namespace brigade::cli

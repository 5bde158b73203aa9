#include "cli/tcp_probe.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace brigade::cli {

namespace {

constexpr std::size_t kMaxAddresses = 16;  // of one name: whoever runs it may list thousands

using Clock = std::chrono::steady_clock;
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

Probe to_probe(int failure) {
  if (failure == 0) return Probe::kAnswered;
  return failure == ECONNREFUSED ? Probe::kRefused : Probe::kSilent;
}

Probe outcome(int descriptor) {
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size);
  return to_probe(failure);
}

/// One answer is enough; a refusal says more than silence.
Probe better(Probe one, Probe other) {
  if (one == Probe::kAnswered || other == Probe::kAnswered) return Probe::kAnswered;
  return one == Probe::kRefused ? one : other;
}

/// Connections that are under way, closed at the end.
struct Attempts {
  std::vector<pollfd> open;
  ~Attempts() {
    for (const pollfd& one : open) ::close(one.fd);
  }

  /// kSilent: nothing is known yet, or ever.
  Probe begin(const addrinfo& to) {
    const int descriptor =
        ::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol);
    if (descriptor < 0) return Probe::kSilent;
    const int failure = ::connect(descriptor, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
    if (failure == EINPROGRESS) {
      open.push_back({descriptor, POLLOUT, 0});
    } else {
      ::close(descriptor);
    }
    return to_probe(failure);
  }
};

/// Until one has answered, all have failed or the time is up.
Probe await(Attempts& attempts, Probe probe, Clock::time_point deadline) {
  while (probe != Probe::kAnswered && !attempts.open.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return probe;
    const int ready = ::poll(attempts.open.data(), attempts.open.size(), static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return probe;
    std::erase_if(attempts.open, [&](const pollfd& one) {
      if (ready <= 0 || one.revents == 0) return false;
      probe = better(outcome(one.fd), probe);
      ::close(one.fd);
      return true;
    });
  }
  return probe;
}

}  // namespace

Probe probe_tcp(const std::string& address, std::chrono::milliseconds timeout) {
  const Addresses addresses = look_up(address);
  if (!addresses) return Probe::kUnknownName;
  return probe_any(*addresses, timeout);
}

Probe probe_any(const addrinfo& first, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  Attempts attempts;
  Probe probe = Probe::kSilent;
  std::size_t tried = 0;
  for (const addrinfo* one = &first; one != nullptr && tried < kMaxAddresses; one = one->ai_next) {
    ++tried;
    probe = better(attempts.begin(*one), probe);
  }
  return await(attempts, probe, deadline);
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

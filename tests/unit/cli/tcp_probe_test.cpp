#include "cli/tcp_probe.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/ports.hpp"
#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

/// 127.0.0.1 with one port.
struct Address {
  addrinfo* info = nullptr;
  explicit Address(std::uint16_t port) {
    addrinfo wanted{};
    wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    wanted.ai_socktype = SOCK_STREAM;
    REQUIRE(::getaddrinfo("127.0.0.1", std::to_string(port).c_str(), &wanted, &info) == 0);
  }
  ~Address() { ::freeaddrinfo(info); }
};

}  // namespace

TEST_CASE("of a name with several addresses one that answers is enough") {
  const auto ports = find_free_ports(2).value();
  const Address deaf(ports[0]);
  const Address open(ports[1]);
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(listening, open.info->ai_addr, open.info->ai_addrlen) == 0);
  deaf.info->ai_next = open.info;
  CHECK(probe_any(*deaf.info, std::chrono::seconds{5}) == Probe::kRefused);  // nobody listens yet
  REQUIRE(::listen(listening, 1) == 0);
  CHECK(probe_any(*deaf.info, std::chrono::seconds{5}) == Probe::kAnswered);
  deaf.info->ai_next = nullptr;
  CHECK(probe_any(*deaf.info, std::chrono::seconds{5}) == Probe::kRefused);
  ::close(listening);
}

TEST_CASE("a port where nobody listens refuses, and a name that is none is told") {
  const auto port = find_free_ports(1).value().front();
  CHECK(probe_tcp("127.0.0.1:" + std::to_string(port), std::chrono::seconds{5}) == Probe::kRefused);
  CHECK(probe_tcp("no such host:7070", std::chrono::seconds{5}) == Probe::kUnknownName);
  CHECK(probe_tcp("", std::chrono::seconds{5}) != Probe::kAnswered);
}

}  // namespace brigade::cli

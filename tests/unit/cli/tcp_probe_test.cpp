#include "cli/tcp_probe.hpp"

#include "cli/ports.hpp"
#include "tests/catch.hpp"

namespace brigade::cli {

TEST_CASE("a port where nobody listens refuses, and a name that is none is told") {
  const auto port = find_free_ports(1).value().front();
  CHECK(probe_tcp("127.0.0.1:" + std::to_string(port), std::chrono::seconds{5}) == Probe::kRefused);
  CHECK(probe_tcp("no such host:7070", std::chrono::seconds{5}) == Probe::kUnknownName);
  CHECK(probe_tcp("", std::chrono::seconds{5}) != Probe::kAnswered);
}

}  // namespace brigade::cli

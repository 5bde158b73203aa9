// A home router that is asked to pass a port on to this machine: two ways of asking, one face.
// Every call blocks, for a few seconds at most, and is made on one thread.
//
// What a router answers anybody on the home's network may have said. So it is a hint: the address
// counts once a member has dialled this node there (daemon/members, "reach").
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace brigade::daemon {

/// A port that the router passes on, TCP for links. UDP of the same number, for the DHT, where the
/// router gives it.
struct MappedPort {
  std::uint16_t external = 0;
  std::string external_host;        // as the router says; empty: it does not
  std::chrono::seconds lifetime{};  // zero: for ever
  bool has_udp = false;
  bool operator==(const MappedPort&) const = default;
};

class Gateway {
 public:
  static constexpr std::chrono::seconds kLifetime{3'600};  // asked for; renewed after half of it

  virtual ~Gateway() = default;
  virtual const char* name() const = 0;
  /// The same again renews. `wanted`: the outer port of before, or the inner one.
  /// kUnavailable: no such router, or it refused, in words for people.
  virtual Result<MappedPort> map(std::uint16_t port, std::uint16_t wanted) = 0;
  /// Takes back what map() gave. Nobody can do anything about a failure: the mapping expires.
  virtual void unmap(std::uint16_t port, const MappedPort& mapped) = 0;
};

/// RFC 6886. `router`: its IPv4 address; empty: the default route's.
std::unique_ptr<Gateway> make_nat_pmp_gateway(const std::string& router = {});
/// UPnP Internet Gateway Device, found by SSDP on `interface` (an IPv4 address; empty: any).
std::unique_ptr<Gateway> make_upnp_gateway(const std::string& interface = {});

}  // namespace brigade::daemon

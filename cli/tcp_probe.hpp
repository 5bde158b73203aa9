// Whether somebody answers at an address: one TCP connection, closed at once.
#pragma once

#include <netdb.h>

#include <chrono>
#include <string>

namespace brigade::cli {

enum class Probe {
  kNotTried,
  kAnswered,
  kRefused,      // the machine says that nobody listens there
  kSilent,       // nothing came back in time, or there is no way to it
  kUnknownName,  // the host's name has no address
};

/// `address`: HOST:PORT. Blocks for `timeout` at most, and for the system's own limit where a name
/// has to be looked up.
Probe probe_tcp(const std::string& address, std::chrono::milliseconds timeout);

/// Of a name with several addresses: all at once, and the best of what they say.
Probe probe_any(const addrinfo& first, std::chrono::milliseconds timeout);

/// "answers", "refuses the connection", …
const char* to_string(Probe probe);

}  // namespace brigade::cli

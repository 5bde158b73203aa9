#include "cli/ports.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace brigade::cli {

namespace {

// Held open until all are found, so that no port comes twice.
struct Sockets {
  std::vector<int> descriptors;
  ~Sockets() {
    for (const int descriptor : descriptors) ::close(descriptor);
  }
};

}  // namespace

Result<std::vector<std::uint16_t>> find_free_ports(std::uint32_t count) {
  Sockets sockets;
  std::vector<std::uint16_t> ports;
  for (std::uint32_t i = 0; i < count; ++i) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0) sockets.descriptors.push_back(descriptor);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (descriptor < 0 || ::bind(descriptor, generic, size) != 0 ||
        ::getsockname(descriptor, generic, &size) != 0) {
      return make_error(ErrorCode::kIo, fmt::format("127.0.0.1: no free port for stage {}: {}", i,
                                                    std::strerror(errno)));
    }
    ports.push_back(ntohs(address.sin_port));
  }
  return ports;
}

}  // namespace brigade::cli

// Network namespaces without names: each is a file descriptor, with one TUN device in it whose
// other end is a descriptor too. When the last process that is in a namespace or holds it is gone,
// the kernel removes it, so nothing is left behind however a lab ends. Needs root and /dev/net/tun.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::emulator {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// "what: No such file or directory"
Error system_error(const std::string& what);

struct Namespace {
  Descriptor net;
  Descriptor tun;  // non-blocking; one IP packet a read or write
};

/// Its device bears `address`/24 and is up, as is its loopback. TCP is cubic, if it can be.
Result<Namespace> make_namespace(std::uint32_t address, std::uint32_t mtu);

/// Ends every process that is in one of these namespaces, with SIGKILL.
void kill_inhabitants(const std::vector<Namespace>& namespaces);

}  // namespace brigade::emulator

// Kills one daemon at an exact moment: LD_PRELOAD this into `brigade local`, name the moment in
// BRIGADE_KILL_AT, "NODE POINT COUNT". What a test can't hit from outside, it hits every time:
//
//   sent N      once it has sent N bytes over TCP (1: its first handshake)
//   received N  once it has received N
//   write N     before its Nth write to a file in checkpoints/
//   sync N      before its Nth fsync of one (the folder's own is one, too)
//   rename N    before its Nth rename of one
//   renamed N   right after it
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace {

struct Moment {
  std::string point;  // empty: this process is not meant
  long count = 0;
};

// `brigaded --config …/node-N/node.toml`, and not its --show-id.
bool is_meant(const std::string& node) {
  std::ifstream file("/proc/self/cmdline");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  return line.find("brigaded") != std::string::npos &&
         line.find("/node-" + node + "/") != std::string::npos &&
         line.find("--show-id") == std::string::npos;
}

const Moment& moment() {
  static const Moment found = [] {
    Moment wanted;
    const char* text = std::getenv("BRIGADE_KILL_AT");
    std::istringstream words(text != nullptr ? text : "");
    std::string node;
    if (!(words >> node >> wanted.point >> wanted.count) || !is_meant(node)) wanted.point.clear();
    return wanted;
  }();
  return found;
}

// `amount` more of what `point` counts.
void count(const char* point, long amount) {
  static std::atomic<long> so_far{0};
  if (moment().point != point) return;
  if (so_far.fetch_add(amount) + amount >= moment().count) ::kill(::getpid(), SIGKILL);
}

template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_tcp(int descriptor) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

bool is_checkpoint(const char* path) {
  return std::strstr(path, "/checkpoints") != nullptr;
}

bool is_checkpoint(int descriptor) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return is_checkpoint(path);
}

}  // namespace

extern "C" {

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  static auto* const real = original<decltype(sendmsg)>("sendmsg");
  const ssize_t sent = real(descriptor, message, flags);
  if (moment().point == "sent" && sent > 0 && is_tcp(descriptor)) count("sent", sent);
  return sent;
}

ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
  static auto* const real = original<decltype(recvmsg)>("recvmsg");
  const ssize_t received = real(descriptor, message, flags);
  if (moment().point == "received" && received > 0 && is_tcp(descriptor)) {
    count("received", received);
  }
  return received;
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static auto* const real = original<decltype(write)>("write");
  if (moment().point == "write" && is_checkpoint(descriptor)) count("write", 1);
  return real(descriptor, bytes, size);
}

int fsync(int descriptor) {
  static auto* const real = original<decltype(fsync)>("fsync");
  if (moment().point == "sync" && is_checkpoint(descriptor)) count("sync", 1);
  return real(descriptor);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = original<decltype(rename)>("rename");
  if (is_checkpoint(to)) count("rename", 1);
  const int result = real(from, to);
  if (is_checkpoint(to)) count("renamed", 1);
  return result;
}

}  // extern "C"

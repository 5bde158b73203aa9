#include "cli/machine_facts.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "cli/wall_clock.hpp"

namespace brigade::cli {

namespace {

/// MemAvailable of /proc/meminfo; 0: there is none.
std::uint64_t free_memory_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::string rest;
  std::uint64_t kibibytes = 0;
  while (meminfo >> key >> kibibytes) {
    std::getline(meminfo, rest);
    if (key == "MemAvailable:") return kibibytes * 1024;
  }
  return 0;
}

/// Where the kernel does not say, nothing is wrong with the clock.
bool is_clock_synchronised() {
  timex clock{};
  return ::adjtimex(&clock) < 0 || (clock.status & STA_UNSYNC) == 0;
}

/// Asked of the driver as brigaded asks it.
std::optional<std::uint32_t> count_gpus() {
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY);
  if (driver == nullptr) return std::nullopt;
  const auto init = reinterpret_cast<int (*)(unsigned)>(::dlsym(driver, "cuInit"));
  const auto count = reinterpret_cast<int (*)(int*)>(::dlsym(driver, "cuDeviceGetCount"));
  int gpus = 0;
  const bool is_told =
      init != nullptr && count != nullptr && init(0) == 0 && count(&gpus) == 0 && gpus > 0;
  return is_told ? static_cast<std::uint32_t>(gpus) : 0;
}

/// The source address of what would go to the internet; nothing is sent.
std::string lan_address() {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return "";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);  // of documentation (RFC 5737)
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  std::array<char, INET_ADDRSTRLEN> text{};
  if (::connect(descriptor, generic, size) == 0 && ::getsockname(descriptor, generic, &size) == 0)
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  ::close(descriptor);
  return text.data();
}

}  // namespace

MachineFacts gather_machine_facts() {
  return {.now_unix_s = now_unix_s(),
          .is_clock_synchronised = is_clock_synchronised(),
          .cores = std::max(1u, std::thread::hardware_concurrency()),
          .free_memory_bytes = free_memory_bytes(),
          .gpus = count_gpus(),
          .lan_address = lan_address()};
}

std::optional<pid_t> holder_of(const std::filesystem::path& lock) {
  struct stat file {};
  if (::stat(lock.c_str(), &file) != 0) return std::nullopt;
  std::ifstream locks("/proc/locks");  // "1: FLOCK  ADVISORY  WRITE 1713 fe:00:10955212 0 EOF"
  std::string number, kind, mode, access, where, line;
  pid_t process = 0;
  while (std::getline(locks, line)) {
    std::istringstream words(line);
    words >> number >> kind >> mode >> access >> process >> where;
    // The device is that of the file system below, which stat does not always give.
    if (kind != "FLOCK" || !where.ends_with(fmt::format(":{}", file.st_ino))) continue;
    std::ifstream comm(fmt::format("/proc/{}/comm", process));
    std::string program;
    if (comm >> program && program == "brigaded") return process;
  }
  return std::nullopt;
}

}  // namespace brigade::cli

#include "tests/emulator/netns.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

namespace brigade::emulator {

namespace {

constexpr char kDevice[] = "tun0";
constexpr std::uint32_t kNetmask = 0xffffff00;
// Packets that wait for the router while it has no core: more than any burst of a test, so that
// what is dropped is dropped by a pipe, and counted.
constexpr int kDeviceQueuePackets = 10'000;

ifreq request_for(const char* device) {
  ifreq request{};
  std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  return request;
}

ifreq with_address(std::uint32_t address) {
  ifreq request = request_for(kDevice);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address);
  std::memcpy(&request.ifr_addr, &in, sizeof in);
  return request;
}

Result<> control(int socket, unsigned long what, ifreq request, const char* name) {
  if (::ioctl(socket, what, &request) == 0) return {};
  return system_error(fmt::format("{} of {}", name, request.ifr_name));
}

Result<> bring_up(int socket, const char* device) {
  ifreq request = request_for(device);
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) return system_error("SIOCGIFFLAGS");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  return control(socket, SIOCSIFFLAGS, request, "SIOCSIFFLAGS");
}

Result<Descriptor> open_tun() {
  Descriptor tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) return system_error("/dev/net/tun");
  ifreq request = request_for(kDevice);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) return system_error("TUNSETIFF");
  return tun;
}

/// What Linux comes with, whatever this machine prefers. (bbr empties its pipe for 200 ms every
/// 10 s, which a line of stages feels.) Where it can't be chosen the machine's own stays.
void choose_congestion_control() {
  const Descriptor setting(
      ::open("/proc/sys/net/ipv4/tcp_congestion_control", O_WRONLY | O_CLOEXEC));
  constexpr std::string_view kChoice = "cubic";
  if (setting) (void)!::write(setting.get(), kChoice.data(), kChoice.size());
}

/// The calling thread is in the new namespace.
Result<Namespace> furnish(std::uint32_t address, std::uint32_t mtu) {
  Namespace made;
  made.net = Descriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!made.net) return system_error("/proc/thread-self/ns/net");
  BRIGADE_ASSIGN(made.tun, open_tun());
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("socket");
  ifreq size = request_for(kDevice);
  size.ifr_mtu = static_cast<int>(mtu);
  ifreq queue = request_for(kDevice);
  queue.ifr_qlen = kDeviceQueuePackets;
  BRIGADE_TRY(control(socket.get(), SIOCSIFADDR, with_address(address), "SIOCSIFADDR"));
  BRIGADE_TRY(control(socket.get(), SIOCSIFNETMASK, with_address(kNetmask), "SIOCSIFNETMASK"));
  BRIGADE_TRY(control(socket.get(), SIOCSIFMTU, size, "SIOCSIFMTU"));
  BRIGADE_TRY(control(socket.get(), SIOCSIFTXQLEN, queue, "SIOCSIFTXQLEN"));
  BRIGADE_TRY(bring_up(socket.get(), kDevice));
  BRIGADE_TRY(bring_up(socket.get(), "lo"));
  choose_congestion_control();
  return made;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Error system_error(const std::string& what) {
  return make_error(ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<Namespace> make_namespace(std::uint32_t address, std::uint32_t mtu) {
  const Descriptor home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home) return system_error("/proc/thread-self/ns/net");
  if (::unshare(CLONE_NEWNET) != 0) return system_error("a network namespace (are you root?)");
  auto made = furnish(address, mtu);
  if (::setns(home.get(), CLONE_NEWNET) != 0) return system_error("setns");
  return made;
}

void kill_inhabitants(const std::vector<Namespace>& namespaces) {
  std::set<std::pair<dev_t, ino_t>> ours;
  for (const Namespace& one : namespaces) {
    struct stat found {};
    if (::fstat(one.net.get(), &found) == 0) ours.emplace(found.st_dev, found.st_ino);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc{} || end != name.data() + name.size()) continue;
    struct stat found {};
    if (::stat((entry.path() / "ns/net").c_str(), &found) != 0) continue;
    if (ours.contains({found.st_dev, found.st_ino})) ::kill(pid, SIGKILL);
  }
}

}  // namespace brigade::emulator

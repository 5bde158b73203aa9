#include "tests/emulator/line_channel.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace brigade::emulator {

namespace {

constexpr int kBacklog = 8;

constexpr int kPatienceMs = 200;  // with a reader that does not read: packets wait meanwhile
constexpr std::size_t kPieceBytes = 4096;  // a pipe that has room takes so much without blocking

bool is_readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

bool has_room(int fd) {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, kPatienceMs) > 0;
}

}  // namespace

std::optional<std::vector<std::string>> LineChannel::read() {
  std::vector<std::string> lines;
  while (is_readable(in_.get())) {
    std::array<char, kMaxLineBytes> bytes{};
    const ssize_t got = ::read(in_.get(), bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return lines.empty() ? std::nullopt : std::optional(std::move(lines));
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    std::size_t end = 0;
    while ((end = buffer_.find('\n')) != std::string::npos) {
      lines.push_back(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
    }
    if (buffer_.size() > kMaxLineBytes) return std::nullopt;
  }
  return lines;
}

void LineChannel::write(const std::string& text) const {
  const int fd = out_ ? out_.get() : in_.get();
  std::size_t done = 0;
  while (done < text.size() && has_room(fd)) {
    const ssize_t wrote =
        ::write(fd, text.data() + done, std::min(kPieceBytes, text.size() - done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;  // its end is seen when we read
    done += static_cast<std::size_t>(wrote);
  }
}

Result<Descriptor> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: longer than the {} bytes of a socket's path", path,
                                  sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(path.c_str());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("socket");
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const mode_t mask = ::umask(0077);
  const bool is_bound = ::bind(socket.get(), generic, sizeof address) == 0;
  ::umask(mask);
  if (!is_bound || ::listen(socket.get(), kBacklog) != 0) return system_error(path);
  return socket;
}

}  // namespace brigade::emulator

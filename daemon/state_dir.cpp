#include "daemon/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include "base/file.hpp"

namespace brigade::daemon {

namespace {

namespace fs = std::filesystem;

Error system_failure(std::string_view what, const fs::path& where) {
  return make_error(ErrorCode::kIo, fmt::format("{} {}: {}", what, where.string(),
                                                std::generic_category().message(errno)));
}

constexpr std::size_t kMaxEpochFileBytes = 64;
constexpr const char* kDrained = "drained";
constexpr const char* kLeft = "left";

}  // namespace

Result<StateDir> StateDir::open(const fs::path& folder) {
  std::error_code failure;
  const bool existed = fs::exists(folder, failure);
  fs::create_directories(folder / "checkpoints", failure);
  if (failure)
    return make_error(ErrorCode::kIo,
                      fmt::format("can't make the state folder {}: {}; give another state_dir",
                                  folder.string(), failure.message()));
  if (!existed) fs::permissions(folder, fs::perms::owner_all, failure);

  const fs::path file = folder / "lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return system_failure("can't write in the state folder:", file);
  StateDir state(folder, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_failure("can't lock", file);
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("state folder {} is in use by another brigaded: stop it, or give "
                                  "this node its own state_dir",
                                  folder.string()));
  }
  return state;
}

StateDir::StateDir(StateDir&& other) noexcept
    : folder_(std::move(other.folder_)), lock_(std::exchange(other.lock_, -1)) {}

StateDir::~StateDir() {
  if (lock_ >= 0) ::close(lock_);
}

Result<std::optional<Epoch>> StateDir::read_epoch() const {
  const fs::path file = folder_ / "epoch";
  auto read = read_file(file, kMaxEpochFileBytes);
  if (read.has_error() && read.error().code == ErrorCode::kNotFound) return std::optional<Epoch>{};
  if (read.has_error()) return read.error();
  std::string_view text = *read;
  if (text.ends_with('\n')) text.remove_suffix(1);
  Epoch::rep value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size())
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("{} does not hold one number", file.string()));
  return std::optional<Epoch>{Epoch(value)};
}

Result<> StateDir::write_epoch(Epoch epoch) const {
  return write_file_atomically(folder_ / "epoch", fmt::format("{}\n", epoch.value()));
}

bool StateDir::is_drained() const {
  std::error_code ignored;
  return fs::exists(folder_ / kDrained, ignored);
}

Result<> StateDir::note_drained(bool is_drained) const {
  const fs::path mark = folder_ / kDrained;
  if (is_drained) return write_file_atomically(mark, "by brigade drain, until brigade resume\n");
  std::error_code failure;
  fs::remove(mark, failure);
  if (!failure) return {};
  return make_error(ErrorCode::kIo,
                    fmt::format("can't remove {}: {}", mark.string(), failure.message()));
}

bool StateDir::has_left(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kLeft, ignored);
}

Result<> StateDir::note_left() const {
  BRIGADE_TRY(write_file_atomically(folder_ / kLeft, "by brigade leave, until brigade join\n"));
  return note_drained(false);
}

}  // namespace brigade::daemon

#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.hpp"

namespace brigade {
namespace {

Error system_error(const std::string& what, const std::filesystem::path& file, int number) {
  const ErrorCode code = number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return make_error(code, what + " " + file.string() + ": " + std::strerror(number));
}

/// Closes on every way out.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file, std::size_t max_bytes) {
  const Descriptor in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.number < 0) return system_error("can't open", file, errno);
  struct stat status {};
  if (::fstat(in.number, &status) != 0) return system_error("can't read", file, errno);
  if (S_ISDIR(status.st_mode)) {
    return make_error(ErrorCode::kBadInput, file.string() + " is a folder, a file is needed");
  }
  std::string text;
  for (;;) {
    const std::size_t filled = text.size();
    if (filled > max_bytes) {
      return make_error(ErrorCode::kLimit, file.string() + " is larger than the bound of " +
                                               std::to_string(max_bytes) + " bytes");
    }
    text.resize(filled + 64 * 1024);
    const ssize_t got = ::read(in.number, text.data() + filled, text.size() - filled);
    if (got < 0 && errno != EINTR) return system_error("can't read", file, errno);
    text.resize(filled + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) return text;
  }
}

AtomicFile::AtomicFile(std::filesystem::path file, std::filesystem::path temporary, int descriptor)
    : file_(std::move(file)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : file_(std::move(other.file_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  file_ = std::move(other.file_);
  temporary_ = std::move(other.temporary_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  return *this;
}

AtomicFile::~AtomicFile() {
  discard();
}

void AtomicFile::discard() {
  if (descriptor_ < 0) return;
  ::close(std::exchange(descriptor_, -1));
  ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& file) {
  // The process id keeps two writers of one file apart; what a killed one left is overwritten by
  // the next with that id and never read.
  std::filesystem::path temporary = file;
  temporary += ".tmp" + std::to_string(::getpid());
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return system_error("can't write", file, errno);
  return AtomicFile(file, std::move(temporary), descriptor);
}

Result<> AtomicFile::write(std::span<const std::byte> bytes) {
  BRIGADE_CHECK(descriptor_ >= 0, "written after commit: " + file_.string());
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error("can't write", file_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Result<> AtomicFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text)));
}

Result<> AtomicFile::commit() {
  BRIGADE_CHECK(descriptor_ >= 0, "committed twice: " + file_.string());
  if (::fsync(descriptor_) != 0) return system_error("can't write", file_, errno);
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) {
    return system_error("can't write", file_, errno);
  }
  ::close(std::exchange(descriptor_, -1));
  const std::filesystem::path parent = file_.parent_path();
  const Descriptor folder{::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY)};
  if (folder.number < 0 || ::fsync(folder.number) != 0) {
    return system_error("can't write", parent, errno);
  }
  return {};
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor open{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (open.number >= 0) ::fsync(open.number);
}

Result<> write_file_atomically(const std::filesystem::path& file, std::string_view text) {
  BRIGADE_ASSIGN(AtomicFile out, AtomicFile::create(file));
  BRIGADE_TRY(out.write(text));
  return out.commit();
}

}  // namespace brigade

#include "trust/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/file.hpp"

namespace brigade::trust {

namespace {

constexpr std::size_t kMaxKeyFileBytes = 16 * 1024;  // a PEM Ed25519 key has 119 bytes

Error system_error(const KeyFile& file, std::string_view what) {
  return make_error(ErrorCode::kIo, fmt::format("{}: cannot {} the {} key: {}", file.path.string(),
                                                what, file.purpose, std::strerror(errno)));
}

/// Refuses a key that anybody else could have read.
Result<> check_permissions(const KeyFile& file) {
  struct stat status {};
  if (::stat(file.path.c_str(), &status) != 0) {
    if (errno == ENOENT) return make_error(ErrorCode::kNotFound, file.path.string());
    return system_error(file, "look at");
  }
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kBadInput, fmt::format("{}: the {} key is not a file",
                                                        file.path.string(), file.purpose));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{}: others may read this {} key (mode {:04o}): run chmod 600 on it, or "
                    "remove it {}",
                    file.path.string(), file.purpose, status.st_mode & 07777, file.without_it));
  }
  return {};
}

/// Closes the descriptor and removes the temporary name, whatever happened.
struct TemporaryFile {
  std::string name;
  int descriptor = -1;
  ~TemporaryFile() {
    if (descriptor < 0) return;
    ::close(descriptor);
    ::unlink(name.c_str());
  }
};

/// True if `text` is now in the file, false if another process was first. link(2) is the whole
/// trick: unlike rename it never replaces, and unlike O_EXCL on the name itself it never shows a
/// file that is still empty.
Result<bool> create_exclusively(const KeyFile& file, const std::string& text) {
  const std::filesystem::path folder = file.path.has_parent_path() ? file.path.parent_path() : ".";
  TemporaryFile temporary{(folder / ".key.XXXXXX").string(), -1};
  temporary.descriptor = ::mkostemp(temporary.name.data(), O_CLOEXEC);  // mode 0600
  if (temporary.descriptor < 0) return system_error(file, "create");
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t step =
        ::write(temporary.descriptor, text.data() + written, text.size() - written);
    if (step < 0 && errno == EINTR) continue;
    if (step <= 0) return system_error(file, "write");
    written += static_cast<std::size_t>(step);
  }
  if (::fsync(temporary.descriptor) != 0) return system_error(file, "write");
  if (::link(temporary.name.c_str(), file.path.c_str()) != 0) {
    if (errno == EEXIST) return false;
    return system_error(file, "create");
  }
  sync_folder(folder);
  return true;
}

}  // namespace

Result<SigningKey> load_key(const KeyFile& file) {
  BRIGADE_TRY(check_permissions(file));
  BRIGADE_ASSIGN(const std::string text, read_file(file.path, kMaxKeyFileBytes));
  auto key = SigningKey::from_pem(text);
  if (key.has_value()) return key;
  return make_error(ErrorCode::kCorrupt,
                    fmt::format("{}: {}: restore it from a backup, or remove it {}",
                                file.path.string(), key.error().message, file.without_it));
}

Result<SigningKey> create_key(const KeyFile& file) {
  BRIGADE_ASSIGN(SigningKey made, SigningKey::make());
  BRIGADE_ASSIGN(const std::string pem, made.to_pem());
  BRIGADE_ASSIGN(const bool is_ours, create_exclusively(file, pem));
  if (!is_ours) {
    return make_error(ErrorCode::kBadInput, fmt::format("{}: there is an {} key already",
                                                        file.path.string(), file.purpose));
  }
  return made;
}

Result<SigningKey> load_or_create_key(const KeyFile& file) {
  Result<SigningKey> loaded = load_key(file);
  if (loaded.has_value() || loaded.error().code != ErrorCode::kNotFound) return loaded;
  Result<SigningKey> made = create_key(file);
  // Another process was first: theirs is the key.
  return made.has_value() || made.error().code != ErrorCode::kBadInput ? std::move(made)
                                                                       : load_key(file);
}

}  // namespace brigade::trust

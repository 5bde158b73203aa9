#include "cli/run_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un::sun_path without its closing zero

Error io_error(const fs::path& path, std::string_view what, int error) {
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: cannot {}: {}", path.string(), what, std::strerror(error)));
}

bool is_node_folder(const fs::path& name) {
  const std::string text = name.filename().string();
  return text.starts_with("node-") && text.find_first_not_of("0123456789", 5) == std::string::npos;
}

// Only what a run has made itself.
Result<> remove_run(const RunFolder& folder) {
  std::vector<fs::path> ours = folder.node_folders();
  for (const auto& path :
       {folder.swarm_file(), folder.data(), folder.events(), folder.loss_csv()}) {
    ours.push_back(path);
  }
  for (const fs::path& path : ours) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) return io_error(path, "delete", error.value());
  }
  return {};
}

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0;
  for (const char c : text) hash = mix_seed(hash, static_cast<unsigned char>(c));
  return hash;
}

}  // namespace

RunFolder::RunFolder(fs::path root) : root_(fs::absolute(root).lexically_normal()) {
  if (!root_.has_filename()) root_ = root_.parent_path();  // "out/" is "out"
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : root_(std::move(other.root_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder& RunFolder::operator=(RunFolder&& other) noexcept {
  std::swap(root_, other.root_);
  std::swap(lock_, other.lock_);
  return *this;
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

Result<> RunFolder::lock() {
  const fs::path file = root_ / "lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return io_error(file, "write", errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: another brigade local is using it: wait for its end, or give "
                                "another --out",
                                root_.string()));
}

Result<RunFolder> RunFolder::create(const fs::path& root, bool replaces) {
  RunFolder folder(root);
  std::error_code error;
  fs::create_directories(folder.root_, error);
  if (error) return io_error(folder.root_, "make the folder", error.value());
  const bool is_ours = fs::exists(folder.root_ / "lock", error);
  const bool is_empty = fs::is_empty(folder.root_, error);
  if (error) return io_error(folder.root_, "read", error.value());
  if (!is_ours && !is_empty) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{}: holds other files and no run: give another --out", folder.root_.string()));
  }
  BRIGADE_TRY(folder.lock());
  if (folder.has_checkpoint() && !replaces) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{0}: holds a run: go on with --resume {0}, delete it with --force, or give "
                    "another --out",
                    root.string()));
  }
  BRIGADE_TRY(remove_run(folder));  // also what a start that failed has left
  return folder;
}

Result<RunFolder> RunFolder::reopen(const fs::path& root) {
  RunFolder folder(root);
  if (!fs::exists(folder.swarm_file())) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("{}: no run to resume: it has no swarm.toml", root.string()));
  }
  BRIGADE_TRY(folder.lock());
  return folder;
}

fs::path RunFolder::node(std::uint32_t stage) const {
  return root_ / fmt::format("node-{}", stage);
}

fs::path RunFolder::control_socket(std::uint32_t stage) const {
  const fs::path usual = node(stage) / "control.sock";
  if (usual.string().size() <= kMaxSocketPath) return usual;
  return fmt::format("/tmp/brigade-{}-{:016x}/node-{}.sock", ::geteuid(), hash_of(root_.string()),
                     stage);
}

std::vector<fs::path> RunFolder::node_folders() const {
  std::error_code error;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root_, error)) {
    if (is_node_folder(entry.path()) && entry.is_directory(error)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool RunFolder::has_checkpoint() const {
  const auto folders = node_folders();
  return std::any_of(folders.begin(), folders.end(), [](const fs::path& node) {
    std::error_code error;
    return fs::is_directory(node / "checkpoints", error) &&
           !fs::is_empty(node / "checkpoints", error);
  });
}

}  // namespace brigade::cli

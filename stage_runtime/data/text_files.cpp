#include "stage_runtime/data/text_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace brigade::stage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = 256 * 1024;
/// A text in an old 8-bit encoding, mostly ASCII, still passes; what is further off is no text in
/// UTF-8 and would teach the model noise.
constexpr double kMaxUnsoundRatio = 0.05;

Error unreadable(const fs::path& path, int number) {
  return make_error(number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                    fmt::format("can't read {}: {}", path.string(), std::strerror(number)));
}

struct Verdict {
  std::uint64_t bytes = 0;
  std::string fault;  // empty: it is text
};

std::uint64_t unsound_bytes(std::string_view text) {
  std::uint64_t count = 0;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    if (!step.is_sound) ++count;
    text.remove_prefix(step.bytes);
  }
  return count;
}

Result<Verdict> judge(const fs::path& path) {
  BRIGADE_ASSIGN(TextReader reader, TextReader::open(path));
  Verdict verdict;
  std::uint64_t unsound = 0;
  for (;;) {
    BRIGADE_ASSIGN(const std::string_view chunk, reader.next());
    if (chunk.empty()) break;
    if (chunk.find('\0') != std::string_view::npos) {
      verdict.fault = "binary, no text";
      return verdict;
    }
    verdict.bytes += chunk.size();
    unsound += unsound_bytes(chunk);
  }
  const double ratio = static_cast<double>(unsound) / static_cast<double>(verdict.bytes);
  if (verdict.bytes == 0) {
    verdict.fault = "empty";
  } else if (ratio > kMaxUnsoundRatio) {
    verdict.fault = fmt::format("no UTF-8 text ({:.0f} % of its bytes are none): convert it first",
                                std::max(1.0, 100 * ratio));
  }
  return verdict;
}

class Finder {
 public:
  Result<> add_input(const fs::path& input) {
    std::error_code error;
    if (!fs::exists(input, error)) {
      return make_error(ErrorCode::kNotFound, fmt::format("no file or folder {}", input.string()));
    }
    if (fs::is_directory(input, error)) return add_folder(input);
    if (!fs::is_regular_file(input, error)) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{} is neither a file nor a folder", input.string()));
    }
    if (is_known(input)) return {};
    BRIGADE_ASSIGN(const Verdict verdict, judge(input));
    if (!verdict.fault.empty()) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{} is {}", input.string(), verdict.fault));
    }
    take(input, verdict.bytes);
    return {};
  }

  TextFiles found;

 private:
  Result<> add_folder(const fs::path& folder) {
    BRIGADE_ASSIGN(const std::vector<fs::path> paths, walk(folder));
    for (const fs::path& path : paths) {
      if (is_known(path)) continue;
      const auto verdict = judge(path);
      if (!verdict) {
        skip(path, verdict.error().message);
      } else if (!verdict->fault.empty()) {
        skip(path, verdict->fault);
      } else {
        take(path, verdict->bytes);
      }
    }
    return {};
  }

  /// Regular files below `folder`, sorted. A link to a folder is not followed: it could lead in
  /// circles.
  static Result<std::vector<fs::path>> walk(const fs::path& folder) {
    std::vector<fs::path> paths;
    std::error_code error;
    fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied,
                                        error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      std::error_code ignored;
      const bool is_hidden = at->path().filename().native().starts_with('.');
      if (is_hidden && at->is_directory(ignored)) at.disable_recursion_pending();
      if (!is_hidden && at->is_regular_file(ignored)) paths.push_back(at->path());
      if (paths.size() > limits::kMaxInputFiles) {
        return make_error(ErrorCode::kLimit, fmt::format("{} holds more than {} files",
                                                         folder.string(), limits::kMaxInputFiles));
      }
    }
    if (error) {
      return make_error(ErrorCode::kIo,
                        fmt::format("can't read {}: {}", folder.string(), error.message()));
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  /// Was this file met before, under this name or another? A link that sorts before its target is
  /// judged first: the text is the same.
  bool is_known(const fs::path& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    return !met_.insert(error ? path : real).second;
  }

  void take(const fs::path& path, std::uint64_t bytes) {
    found.files.push_back({path, bytes});
    found.bytes += bytes;
  }

  void skip(const fs::path& path, const std::string& why) {
    ++found.skipped;
    if (found.notes.size() < limits::kMaxNotes) {
      found.notes.push_back(fmt::format("skipped {}: {}", path.string(), why));
    }
  }

  std::set<fs::path> met_;
};

}  // namespace

Result<TextFiles> find_text_files(std::span<const std::filesystem::path> inputs) {
  if (inputs.empty()) return make_error(ErrorCode::kBadInput, "no text files or folders are named");
  Finder finder;
  for (const fs::path& input : inputs) BRIGADE_TRY(finder.add_input(input));
  if (!finder.found.files.empty()) return std::move(finder.found);
  const std::string reason =
      finder.found.notes.empty() ? std::string("it is empty") : finder.found.notes.front();
  return make_error(ErrorCode::kBadInput,
                    fmt::format("no text in {}: {}", inputs.front().string(), reason));
}

TextReader::TextReader(std::filesystem::path file, int descriptor)
    : file_(std::move(file)), descriptor_(descriptor) {}

TextReader::TextReader(TextReader&& other) noexcept
    : file_(std::move(other.file_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)),
      given_(std::exchange(other.given_, 0)),
      is_at_end_(other.is_at_end_) {}

TextReader::~TextReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<TextReader> TextReader::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return unreadable(file, errno);
  return TextReader(file, descriptor);
}

Result<> TextReader::fill() {
  while (!is_at_end_ && buffer_.size() < kChunkBytes) {
    const std::size_t filled = buffer_.size();
    buffer_.resize(kChunkBytes);
    const ssize_t got = ::read(descriptor_, buffer_.data() + filled, kChunkBytes - filled);
    const int number = errno;
    buffer_.resize(filled + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && number != EINTR) return unreadable(file_, number);
    if (got == 0) is_at_end_ = true;
  }
  return {};
}

Result<std::string_view> TextReader::next() {
  buffer_.erase(0, std::exchange(given_, 0));
  BRIGADE_TRY(fill());
  const std::string_view all = buffer_;
  const std::size_t newline = all.rfind('\n');
  if (is_at_end_) {
    given_ = all.size();
  } else if (newline != std::string_view::npos) {
    given_ = newline + 1;
  } else {
    given_ = utf8_complete_prefix(all);
  }
  return all.substr(0, given_);
}

}  // namespace brigade::stage

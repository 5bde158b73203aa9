#include "stage_runtime/data/token_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

namespace brigade::stage {

struct TokenFile::Mapping {
  std::filesystem::path file;
  TokenManifest manifest;
  const void* data = nullptr;
  std::size_t bytes = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data != nullptr) ::munmap(const_cast<void*>(data), bytes);
  }

  /// The file as ids of type T; pages start at multiples of 4096, so they are aligned.
  template <class T>
  std::span<const T> ids() const {
    return {static_cast<const T*>(data), bytes / sizeof(T)};
  }
  std::uint32_t at(std::uint64_t index) const {
    return manifest.bytes_per_token == 2 ? ids<std::uint16_t>()[index]
                                         : ids<std::uint32_t>()[index];
  }
  /// Tokens [first, first + count) as int32.
  void copy(std::uint64_t first, std::uint64_t count, std::int32_t* out) const {
    const auto convert = [&](auto all) {
      std::transform(all.begin() + static_cast<std::ptrdiff_t>(first),
                     all.begin() + static_cast<std::ptrdiff_t>(first + count), out,
                     [](auto id) { return static_cast<std::int32_t>(id); });
    };
    manifest.bytes_per_token == 2 ? convert(ids<std::uint16_t>()) : convert(ids<std::uint32_t>());
  }
};

namespace {

struct Mapped {
  const void* data = nullptr;
  std::size_t bytes = 0;
};

Result<Mapped> map(const std::filesystem::path& file) {
  const auto failed = [&](int number) {
    return make_error(number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                      fmt::format("can't read {}: {}", file.string(), std::strerror(number)));
  };
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failed(errno);
  struct stat status {};
  Mapped mapped;
  int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
  if (error == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
  if (error == 0 && status.st_size > 0) {
    mapped.bytes = static_cast<std::size_t>(status.st_size);
    void* data = ::mmap(nullptr, mapped.bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED) {
      error = errno;
    } else {
      mapped.data = data;
    }
  }
  ::close(descriptor);
  if (error != 0) return failed(error);
  if (mapped.bytes == 0) {
    return make_error(ErrorCode::kBadInput, fmt::format("{} is empty", file.string()));
  }
  return mapped;
}

template <class T>
Result<> check_ids(std::span<const T> ids, std::uint32_t vocabulary,
                   const std::filesystem::path& file) {
  const auto past =
      std::find_if(ids.begin(), ids.end(), [&](T id) { return std::uint32_t{id} >= vocabulary; });
  if (past == ids.end()) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{}: token {} is id {}, past the vocabulary of {} ids",
                                file.string(), past - ids.begin(), *past, vocabulary));
}

}  // namespace

TokenFile::TokenFile(std::unique_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
TokenFile::TokenFile(TokenFile&&) noexcept = default;
TokenFile& TokenFile::operator=(TokenFile&&) noexcept = default;
TokenFile::~TokenFile() = default;

Result<TokenFile> TokenFile::make(const std::filesystem::path& file, const TokenManifest& manifest,
                                  bool verify) {
  BRIGADE_ASSIGN(const Mapped mapped, map(file));
  auto mapping = std::make_unique<Mapping>();
  mapping->file = file;
  mapping->manifest = manifest;
  mapping->data = mapped.data;
  mapping->bytes = mapped.bytes;
  if (mapped.bytes != manifest.tokens * manifest.bytes_per_token) {
    return make_error(
        ErrorCode::kCorrupt,
        fmt::format("{} has {} bytes, {} tokens of {} bytes are expected; prepare the "
                    "data again",
                    file.string(), mapped.bytes, manifest.tokens, manifest.bytes_per_token));
  }
  if (verify && XXH3_64bits(mapped.data, mapped.bytes) != manifest.checksum) {
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("{} does not match the checksum in its manifest; prepare the "
                                  "data again",
                                  file.string()));
  }
  BRIGADE_TRY(manifest.bytes_per_token == 2
                  ? check_ids(mapping->ids<std::uint16_t>(), manifest.vocabulary, file)
                  : check_ids(mapping->ids<std::uint32_t>(), manifest.vocabulary, file));
  return TokenFile(std::move(mapping));
}

Result<TokenFile> TokenFile::open(const std::filesystem::path& file, bool verify) {
  const std::filesystem::path beside = manifest_path(file);
  auto text = read_file(beside, limits::kMaxManifestBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    std::error_code ignored;
    const bool is_there = std::filesystem::exists(file, ignored);
    return make_error(ErrorCode::kNotFound,
                      is_there ? fmt::format("{} has no manifest ({}): make token files with "
                                             "`brigade data prepare`",
                                             file.string(), beside.filename().string())
                               : fmt::format("no token file {}", file.string()));
  }
  if (!text) return text.error();
  BRIGADE_ASSIGN(const TokenManifest manifest, parse_token_manifest(*text, beside.string()));
  return make(file, manifest, verify);
}

Result<TokenFile> TokenFile::open_plain(const std::filesystem::path& file, std::uint32_t vocabulary,
                                        std::uint32_t bytes_per_token) {
  BRIGADE_CHECK(bytes_per_token == 2 || bytes_per_token == 4);
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("can't read {}: {}", file.string(), error.message()));
  }
  TokenManifest manifest;
  manifest.bytes_per_token = bytes_per_token;
  manifest.tokens = bytes / bytes_per_token;
  manifest.vocabulary = vocabulary;
  manifest.tokenizer.clear();
  return make(file, manifest, /*verify=*/false);
}

const TokenManifest& TokenFile::manifest() const {
  return mapping_->manifest;
}

std::uint64_t TokenFile::size() const {
  return mapping_->manifest.tokens;
}

std::int32_t TokenFile::operator[](std::uint64_t index) const {
  BRIGADE_CHECK(index < size());
  return static_cast<std::int32_t>(mapping_->at(index));
}

Result<> TokenFile::check_length(std::uint32_t batch, std::uint32_t tokens) const {
  const std::uint64_t needed = std::uint64_t{batch} * tokens + 1;
  if (size() >= needed) return {};
  return make_error(
      ErrorCode::kBadInput,
      fmt::format("{} has {} tokens, {} are needed ({} windows of {} and one more): give more text "
                  "or a smaller --batch or --context",
                  mapping_->file.string(), size(), needed, batch, tokens));
}

std::vector<std::int32_t> TokenFile::draw(std::uint64_t seed, const MicrobatchId& id,
                                          std::uint32_t batch, std::uint32_t tokens) const {
  BRIGADE_CHECK(size() > tokens, "check_length() comes first");
  const std::size_t row_tokens = std::size_t{tokens} + 1;
  std::vector<std::int32_t> out(batch * row_tokens);  // (B, T+1)
  for (std::uint32_t row = 0; row < batch; ++row) {
    Random random(mix_seed(seed, id.epoch.value(), id.head.value(), id.sequence.value(), row));
    const std::uint64_t start = random.below(size() - tokens);
    mapping_->copy(start, row_tokens, out.data() + row * row_tokens);
  }
  return out;
}

std::uint64_t eval_batches(std::uint64_t file_tokens, std::uint32_t batch, std::uint32_t tokens) {
  BRIGADE_CHECK(batch > 0 && tokens > 0);
  return file_tokens == 0 ? 0 : (file_tokens - 1) / tokens / batch;
}

std::uint64_t TokenFile::eval_batches(std::uint32_t batch, std::uint32_t tokens) const {
  return stage::eval_batches(size(), batch, tokens);
}

std::vector<std::int32_t> TokenFile::window(std::uint64_t index, std::uint32_t batch,
                                            std::uint32_t tokens) const {
  BRIGADE_CHECK(index < eval_batches(batch, tokens));
  const std::size_t row_tokens = std::size_t{tokens} + 1;
  std::vector<std::int32_t> out(batch * row_tokens);  // (B, T+1)
  for (std::uint32_t row = 0; row < batch; ++row) {
    const std::uint64_t start = (index * batch + row) * tokens;
    mapping_->copy(start, row_tokens, out.data() + row * row_tokens);
  }
  return out;
}

}  // namespace brigade::stage

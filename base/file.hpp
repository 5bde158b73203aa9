// Small files whole, and files that are either old or new but never half written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade {

/// The whole file; kLimit if it is larger than `max_bytes`, kNotFound, kIo.
Result<std::string> read_file(const std::filesystem::path& file, std::size_t max_bytes);

/// A file under a temporary name beside its own until commit(): data and folder are on the disk
/// before the new name is seen. Without commit() nothing is left behind.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::filesystem::path& file);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();

  Result<> write(std::span<const std::byte> bytes);
  Result<> write(std::string_view text);
  /// fsync, rename, fsync of the folder. No write after it.
  Result<> commit();

 private:
  AtomicFile(std::filesystem::path file, std::filesystem::path temporary, int descriptor);
  void discard();

  std::filesystem::path file_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Makes the folder's entries durable; a file system that cannot is no reason to fail.
void sync_folder(const std::filesystem::path& folder);

Result<> write_file_atomically(const std::filesystem::path& file, std::string_view text);

}  // namespace brigade

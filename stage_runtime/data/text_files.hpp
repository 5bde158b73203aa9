// Which files of a list of files and folders are text, and their text in chunks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace brigade::stage {

struct TextFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

struct TextFiles {
  std::vector<TextFile> files;  // in the order of the inputs, folders sorted by path
  std::uint64_t bytes = 0;
  std::uint64_t skipped = 0;
  std::vector<std::string> notes;  // "skipped art.dat: binary", a bounded number
};

/// Reads every candidate once to judge it. An input that is itself a file must be text; of a
/// folder's files those that are not are skipped and noted. No text at all is an error.
Result<TextFiles> find_text_files(std::span<const std::filesystem::path> inputs);

/// A file's bytes in chunks that end after a newline, or between characters where a line is longer
/// than a chunk.
class TextReader {
 public:
  static Result<TextReader> open(const std::filesystem::path& file);
  TextReader(TextReader&& other) noexcept;
  TextReader& operator=(TextReader&&) = delete;
  ~TextReader();

  /// The next chunk, valid until the next call; empty at the end.
  Result<std::string_view> next();

 private:
  TextReader(std::filesystem::path file, int descriptor);
  Result<> fill();

  std::filesystem::path file_;
  int descriptor_ = -1;
  std::string buffer_;
  std::size_t given_ = 0;  // bytes at the front of buffer_ that the last next() returned
  bool is_at_end_ = false;
};

}  // namespace brigade::stage

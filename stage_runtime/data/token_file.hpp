// Token files: plain little-endian uint16 or uint32 ids, the layout of nanoGPT and llm.c users,
// memory-mapped, with a small JSON manifest beside them (FILE.json):
//   {"format": 1, "dtype": "uint16", "tokens": N, "vocabulary": V, "tokenizer": "bytes",
//    "bytes_of_text": N, "xxh3": "16 hexadecimal digits"}
// Keys that are not known are left alone. A file without a manifest can be opened plain, when the
// caller says what is in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace brigade::stage {

struct TokenManifest {
  std::uint32_t bytes_per_token = 2;  // 2 or 4
  std::uint64_t tokens = 0;
  std::uint32_t vocabulary = 0;
  std::string tokenizer = "bytes";  // "bytes" or the file name of a sentencepiece model beside it
  std::uint64_t text_bytes = 0;     // for nats a byte
  std::uint64_t checksum = 0;       // XXH3-64 of the token file
  bool operator==(const TokenManifest&) const = default;
};

Result<TokenManifest> parse_token_manifest(std::string_view json, const std::string& origin);
std::string to_json(const TokenManifest& manifest);
/// FILE.json
std::filesystem::path manifest_path(const std::filesystem::path& file);

/// Whole evaluation batches in so many tokens.
std::uint64_t eval_batches(std::uint64_t file_tokens, std::uint32_t batch, std::uint32_t tokens);

/// Read-only and immutable: any thread may read. The file must not be cut short while it is open;
/// replacing it by rename, as prepare_data() does, is fine.
class TokenFile {
 public:
  /// Maps the file; checks size against the manifest, and every id against the vocabulary
  /// (`verify`: also the checksum). Errors say which file and what to do.
  static Result<TokenFile> open(const std::filesystem::path& file, bool verify = true);
  /// Without a manifest: plain ids of `bytes_per_token` bytes. No checksum, no tokeniser.
  static Result<TokenFile> open_plain(const std::filesystem::path& file, std::uint32_t vocabulary,
                                      std::uint32_t bytes_per_token = 2);
  TokenFile(TokenFile&&) noexcept;
  TokenFile& operator=(TokenFile&&) noexcept;
  ~TokenFile();

  const TokenManifest& manifest() const;
  std::uint64_t size() const;  // tokens
  std::int32_t operator[](std::uint64_t index) const;
  /// Are there `batch` windows of `tokens` + 1? The error says how many tokens are missing.
  Result<> check_length(std::uint32_t batch, std::uint32_t tokens) const;

  /// Training data of one micro-batch: B windows of T+1 tokens at uniform places, a pure function
  /// of (seed, id); row-major (B, T+1). Needs size() > T.
  std::vector<std::int32_t> draw(std::uint64_t seed, const MicrobatchId& id, std::uint32_t batch,
                                 std::uint32_t tokens) const;
  /// Evaluation batch `index`: consecutive windows that do not overlap in their targets, wrapping
  /// never; index < eval_batches(). An incomplete last batch is left out.
  std::vector<std::int32_t> window(std::uint64_t index, std::uint32_t batch,
                                   std::uint32_t tokens) const;
  std::uint64_t eval_batches(std::uint32_t batch, std::uint32_t tokens) const;

 private:
  struct Mapping;
  static Result<TokenFile> make(const std::filesystem::path& file, const TokenManifest& manifest,
                                bool verify);
  explicit TokenFile(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

}  // namespace brigade::stage

// Writes one token file with its manifest, front to back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::stage {

/// Until commit() nothing is seen under the file's own name. The token file is in place before its
/// manifest: a crash between the two is found as a checksum that does not match.
class TokenWriter {
 public:
  /// uint16 where the vocabulary allows, else uint32.
  static Result<TokenWriter> create(const std::filesystem::path& file, std::uint32_t vocabulary,
                                    const std::string& tokenizer);
  TokenWriter(TokenWriter&&) noexcept;
  ~TokenWriter();

  /// `text_bytes`: how much text these ids stand for.
  Result<> append(std::span<const std::int32_t> ids, std::uint64_t text_bytes);
  /// What was appended so far; the checksum is there after commit().
  const TokenManifest& manifest() const;
  Result<TokenManifest> commit();

 private:
  struct State;
  explicit TokenWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace brigade::stage

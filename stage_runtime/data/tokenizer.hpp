// Text to ids and back: bytes (built in) or a sentencepiece model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::stage {

/// Ids are 0 … vocabulary() − 1. One thread at a time.
class Tokenizer {
 public:
  /// "bytes", or the path of a sentencepiece model.
  static Result<std::unique_ptr<Tokenizer>> make(const std::string& name);
  virtual ~Tokenizer() = default;
  virtual std::uint32_t vocabulary() const = 0;
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// Ids outside the vocabulary are left out.
  virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
  virtual std::string name() const = 0;
};

/// The tokeniser that a manifest names: built in, or a model beside the token file.
Result<std::unique_ptr<Tokenizer>> open_tokenizer(const TokenManifest& manifest,
                                                  const std::filesystem::path& token_file);

/// All of a token file as text again.
std::string text_of(const TokenFile& file, const Tokenizer& tokenizer);

}  // namespace brigade::stage

// Text to ids and back: bytes (built in) or a sentencepiece model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::stage {

class Tokenizer {
 public:
  /// "bytes", or the path of a sentencepiece model.
  static Result<std::unique_ptr<Tokenizer>> make(const std::string& name);
  virtual ~Tokenizer() = default;
  virtual std::uint32_t vocabulary() const = 0;
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
  virtual std::string name() const = 0;
};

struct PrepareOptions {
  std::vector<std::filesystem::path> inputs;  // text files or folders (walked in sorted order)
  std::filesystem::path out;                  // folder: train.bin, val.bin and their manifests
  std::string tokenizer = "bytes";
  double validation_share = 0.1;  // the last part of the text, never drawn from
};

struct PrepareReport {
  std::uint64_t files = 0, skipped_files = 0, text_bytes = 0;
  std::uint64_t train_tokens = 0, validation_tokens = 0;
  std::uint32_t vocabulary = 0;
  std::vector<std::string> notes;  // skipped: binary, empty, unreadable
};

/// Writes token files and manifests atomically. Binary and empty files of a folder are skipped and
/// named; alone, they are an error.
Result<PrepareReport> prepare_data(const PrepareOptions& options);

/// Add-`add` smoothed byte bigram model fitted on `train`, judged on `validation`: nats a byte.
/// The yardstick that `brigade local` prints beside the validation loss.
Result<double> bigram_loss(std::span<const std::uint8_t> train,
                           std::span<const std::uint8_t> validation, double add = 0.1);

}  // namespace brigade::stage

// Text files or folders to token files.
//
// Folders are walked in sorted order; hidden files are left out, a file that several names lead to
// is taken once, and binary or empty files are skipped and named. Texts are joined, each ending in
// a newline; the last part is the validation split, cut where a line ends (else between
// characters). Nothing in `out` is ever half written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::stage {

struct PrepareOptions {
  std::vector<std::filesystem::path> inputs = {};  // text files or folders
  std::filesystem::path out = {};                  // folder: train.bin, val.bin and their manifests
  std::string tokenizer = "bytes";                 // or the path of a sentencepiece model
  double validation_share = 0.1;                   // the last part of the text, never drawn from
};

struct PrepareReport {
  std::uint64_t files = 0, skipped_files = 0, text_bytes = 0;
  std::uint64_t train_tokens = 0, validation_tokens = 0;
  std::uint32_t vocabulary = 0;
  std::vector<std::string> notes;  // what was skipped and why, one line each
};

/// Writes token files and manifests. Binary and empty files of a folder are skipped and named;
/// alone, they are an error. Memory: a few chunks of text, whatever the size of the files.
Result<PrepareReport> prepare_data(const PrepareOptions& options);

}  // namespace brigade::stage

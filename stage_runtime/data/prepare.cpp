#include "stage_runtime/data/prepare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <utility>

#include "base/file.hpp"
#include "base/utf8.hpp"
#include "stage_runtime/data/text_files.hpp"
#include "stage_runtime/data/token_writer.hpp"
#include "stage_runtime/data/tokenizer.hpp"

namespace brigade::stage {
namespace {

constexpr std::size_t kMaxModelBytes = 256u * 1024 * 1024;  // of a sentencepiece model

/// Sends the text to the training split while it fits in its share, line by line, and the rest to
/// the validation split.
class Splitter {
 public:
  Splitter(const Tokenizer& tokenizer, TokenWriter& train, TokenWriter& validation,
           std::uint64_t train_bytes)
      : tokenizer_(tokenizer), train_(train), validation_(validation), left_(train_bytes) {}

  Result<> add(std::string_view text) {
    if (!is_full_ && text.size() >= left_) {
      is_full_ = true;
      const std::size_t size = last_cut(text.substr(0, left_));
      BRIGADE_TRY(append(train_, text.substr(0, size)));
      text.remove_prefix(size);
    }
    if (is_full_) return append(validation_, text);
    left_ -= text.size();
    return append(train_, text);
  }

 private:
  /// After its last line end; without one nothing of it, for a chunk starts where a line or at
  /// least a character does. Only a text that is one line is cut inside it.
  std::size_t last_cut(std::string_view text) const {
    const std::size_t newline = text.rfind('\n');
    if (newline != std::string_view::npos) return newline + 1;
    return train_.manifest().tokens > 0 ? 0 : utf8_complete_prefix(text);
  }

  Result<> append(TokenWriter& writer, std::string_view text) {
    if (text.empty()) return {};
    return writer.append(tokenizer_.encode(text), text.size());
  }

  const Tokenizer& tokenizer_;
  TokenWriter& train_;
  TokenWriter& validation_;
  std::uint64_t left_;
  bool is_full_ = false;
};

Result<> add_file(const std::filesystem::path& path, Splitter& splitter) {
  BRIGADE_ASSIGN(TextReader reader, TextReader::open(path));
  bool ends_line = true;
  for (;;) {
    BRIGADE_ASSIGN(const std::string_view chunk, reader.next());
    if (chunk.empty()) break;
    ends_line = chunk.back() == '\n';
    BRIGADE_TRY(splitter.add(chunk));
  }
  return ends_line ? Result<>{} : splitter.add("\n");
}

/// The model lies beside the token files, so that the folder is all that a run needs.
Result<std::string> place_tokenizer(const PrepareOptions& options) {
  if (options.tokenizer == "bytes") return options.tokenizer;
  const std::filesystem::path model = options.tokenizer;
  const std::string name = model.filename().string();
  BRIGADE_ASSIGN(const std::string bytes, read_file(model, kMaxModelBytes));
  BRIGADE_TRY(write_file_atomically(options.out / name, bytes));
  return name;
}

Result<> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return make_error(ErrorCode::kIo,
                    fmt::format("can't make folder {}: {}", folder.string(), error.message()));
}

Result<> check_splits(const TokenManifest& train, const TokenManifest& validation,
                      const PrepareOptions& options) {
  constexpr std::uint64_t kLeast = 2;  // one token and the next
  if (train.tokens >= kLeast && (validation.tokens >= kLeast || options.validation_share == 0)) {
    return {};
  }
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{} is too short: {} tokens to train on and {} to validate",
                                options.inputs.front().string(), train.tokens, validation.tokens));
}

}  // namespace

Result<PrepareReport> prepare_data(const PrepareOptions& options) {
  const double share = options.validation_share;
  if (!(share >= 0 && share < 1)) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("the validation share must be from 0 to below 1, not {}", share));
  }
  BRIGADE_ASSIGN(const auto tokenizer, Tokenizer::make(options.tokenizer));
  BRIGADE_ASSIGN(TextFiles texts, find_text_files(options.inputs));
  BRIGADE_TRY(make_folder(options.out));
  BRIGADE_ASSIGN(const std::string tokenizer_name, place_tokenizer(options));

  const std::uint32_t vocabulary = tokenizer->vocabulary();
  BRIGADE_ASSIGN(TokenWriter train,
                 TokenWriter::create(options.out / "train.bin", vocabulary, tokenizer_name));
  BRIGADE_ASSIGN(TokenWriter validation,
                 TokenWriter::create(options.out / "val.bin", vocabulary, tokenizer_name));
  const double train_bytes = std::ceil((1 - share) * static_cast<double>(texts.bytes));
  Splitter splitter(
      *tokenizer, train, validation,
      share == 0 ? texts.bytes + texts.files.size() + 1 : static_cast<std::uint64_t>(train_bytes));
  for (const TextFile& text : texts.files) BRIGADE_TRY(add_file(text.path, splitter));

  BRIGADE_TRY(check_splits(train.manifest(), validation.manifest(), options));
  BRIGADE_ASSIGN(const TokenManifest train_manifest, train.commit());
  BRIGADE_ASSIGN(const TokenManifest validation_manifest, validation.commit());
  PrepareReport report;
  report.files = texts.files.size();
  report.skipped_files = texts.skipped;
  report.text_bytes = train_manifest.text_bytes + validation_manifest.text_bytes;
  report.train_tokens = train_manifest.tokens;
  report.validation_tokens = validation_manifest.tokens;
  report.vocabulary = vocabulary;
  report.notes = std::move(texts.notes);
  return report;
}

}  // namespace brigade::stage

#include "stage_runtime/data/tokenizer.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::stage {
namespace {

constexpr std::uint32_t kByteValues = 256;

class ByteTokenizer final : public Tokenizer {
 public:
  std::uint32_t vocabulary() const override { return kByteValues; }
  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::vector<std::int32_t> ids(text.size());
    std::transform(text.begin(), text.end(), ids.begin(),
                   [](char c) { return static_cast<std::int32_t>(static_cast<unsigned char>(c)); });
    return ids;
  }
  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    text.reserve(ids.size());
    for (const std::int32_t id : ids) {
      if (id >= 0 && id < static_cast<std::int32_t>(kByteValues)) {
        text += static_cast<char>(static_cast<unsigned char>(id));
      }
    }
    return text;
  }
  std::string name() const override { return "bytes"; }
};

class SentencepieceTokenizer final : public Tokenizer {
 public:
  SentencepieceTokenizer(std::string name,
                         std::unique_ptr<sentencepiece::SentencePieceProcessor> model)
      : name_(std::move(name)), model_(std::move(model)) {}

  std::uint32_t vocabulary() const override {
    return static_cast<std::uint32_t>(model_->GetPieceSize());
  }
  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::vector<int> ids;
    // Fails only without a model, and this one was loaded.
    if (!model_->Encode({text.data(), text.size()}, &ids).ok()) return {};
    return {ids.begin(), ids.end()};
  }
  std::string decode(std::span<const std::int32_t> ids) const override {
    std::vector<int> known;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(known),
                 [&](std::int32_t id) { return id >= 0 && id < model_->GetPieceSize(); });
    std::string text;
    if (!model_->Decode(known, &text).ok()) return {};
    return text;
  }
  std::string name() const override { return name_; }

 private:
  std::string name_;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> model_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::make(const std::string& name) {
  if (name == "bytes") return std::unique_ptr<Tokenizer>(std::make_unique<ByteTokenizer>());
  std::error_code error;
  if (!std::filesystem::is_regular_file(name, error)) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("no tokeniser {}: give \"bytes\" or the file of a sentencepiece "
                                  "model",
                                  name));
  }
  auto model = std::make_unique<sentencepiece::SentencePieceProcessor>();
  if (const auto status = model->Load(name); !status.ok()) {
    return make_error(ErrorCode::kBadInput, fmt::format("{} is not a sentencepiece model", name));
  }
  const int pieces = model->GetPieceSize();
  if (pieces <= 0 || static_cast<std::uint32_t>(pieces) > limits::kMaxVocabulary) {
    return make_error(ErrorCode::kLimit, fmt::format("{} has {} pieces, at most {} can be used",
                                                     name, pieces, limits::kMaxVocabulary));
  }
  return std::unique_ptr<Tokenizer>(
      std::make_unique<SentencepieceTokenizer>(name, std::move(model)));
}

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const TokenManifest& manifest,
                                                  const std::filesystem::path& token_file) {
  if (manifest.tokenizer.empty()) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{} has no manifest: its tokeniser is not known", token_file.string()));
  }
  const bool is_built_in = manifest.tokenizer == "bytes";
  const std::filesystem::path model = token_file.parent_path() / manifest.tokenizer;
  BRIGADE_ASSIGN(auto tokenizer,
                 Tokenizer::make(is_built_in ? manifest.tokenizer : model.string()));
  if (tokenizer->vocabulary() > manifest.vocabulary) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("tokeniser {} has {} ids, {} was made with {}", manifest.tokenizer,
                    tokenizer->vocabulary(), token_file.string(), manifest.vocabulary));
  }
  return tokenizer;
}

std::string text_of(const TokenFile& file, const Tokenizer& tokenizer) {
  constexpr std::uint64_t kChunk = 1 << 16;  // ids at a time
  std::string text;
  std::vector<std::int32_t> ids;
  for (std::uint64_t first = 0; first < file.size(); first += kChunk) {
    ids.clear();
    const std::uint64_t end = std::min(file.size(), first + kChunk);
    for (std::uint64_t index = first; index < end; ++index) ids.push_back(file[index]);
    text += tokenizer.decode(ids);
  }
  return text;
}

}  // namespace brigade::stage

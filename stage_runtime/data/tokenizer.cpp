#include "stage_runtime/data/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "stage_runtime/data/sentencepiece.hpp"

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
  return make_sentencepiece_tokenizer(name);
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

#include "stage_runtime/data/sentencepiece.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace brigade::stage {
namespace {

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

Result<std::unique_ptr<Tokenizer>> make_sentencepiece_tokenizer(const std::string& file) {
  auto model = std::make_unique<sentencepiece::SentencePieceProcessor>();
  if (const auto status = model->Load(file); !status.ok()) {
    return make_error(ErrorCode::kBadInput, fmt::format("{} is not a sentencepiece model", file));
  }
  const int pieces = model->GetPieceSize();
  if (pieces <= 0 || static_cast<std::uint32_t>(pieces) > limits::kMaxVocabulary) {
    return make_error(ErrorCode::kLimit, fmt::format("{} has {} pieces, at most {} can be used",
                                                     file, pieces, limits::kMaxVocabulary));
  }
  return std::unique_ptr<Tokenizer>(
      std::make_unique<SentencepieceTokenizer>(file, std::move(model)));
}

}  // namespace brigade::stage

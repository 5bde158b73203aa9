#include "daemon/token_source.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include "base/check.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::daemon {

namespace {

// Batch b of the n-th evaluation has the sequence n·2^32 + b (swarm/action.hpp).
constexpr std::uint64_t kEvalBatchMask = 0xffff'ffff;

class FileTokenSource final : public TokenSource {
 public:
  FileTokenSource(const TokenSourceOptions& options, stage::TokenFile train,
                  std::optional<stage::TokenFile> validation)
      : options_(options), train_(std::move(train)), validation_(std::move(validation)) {}

  std::vector<std::int32_t> draw(const MicrobatchId& id) override {
    if (id.kind == MicrobatchId::Kind::kTrain)
      return train_.draw(options_.seed, id, options_.batch, options_.tokens);
    return validation_->window((id.sequence.value() & kEvalBatchMask) % eval_batches(),
                               options_.batch, options_.tokens);
  }
  std::uint64_t eval_batches() const override {
    return validation_ ? validation_->eval_batches(options_.batch, options_.tokens) : 0;
  }

 private:
  const TokenSourceOptions options_;
  stage::TokenFile train_;
  std::optional<stage::TokenFile> validation_;
};

/// `batch`: windows that must fit side by side; training draws them at places that may overlap.
Result<stage::TokenFile> open_checked(const std::string& file, std::uint32_t batch,
                                      const TokenSourceOptions& options) {
  BRIGADE_ASSIGN(stage::TokenFile tokens, stage::TokenFile::open(file));
  if (tokens.manifest().vocabulary > options.vocabulary)
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{} has a vocabulary of {}, the model one of {}: set "
                                  "model.vocabulary to {}",
                                  file, tokens.manifest().vocabulary, options.vocabulary,
                                  tokens.manifest().vocabulary));
  BRIGADE_TRY(tokens.check_length(batch, options.tokens));
  return tokens;
}

}  // namespace

std::vector<std::int32_t> LateTokenSource::draw(const MicrobatchId& id) {
  BRIGADE_CHECK(source_ != nullptr, "drawn before the data were here");
  return source_->draw(id);
}

Result<std::unique_ptr<TokenSource>> open_token_source(const TokenSourceOptions& options) {
  if (options.train.empty())
    return make_error(ErrorCode::kBadInput,
                      "the head needs data: set data.train in swarm.toml to a token file");
  BRIGADE_ASSIGN(stage::TokenFile train, open_checked(options.train, 1, options));
  std::optional<stage::TokenFile> validation;
  if (!options.validation.empty()) {
    BRIGADE_ASSIGN(validation, open_checked(options.validation, options.batch, options));
  }
  return std::unique_ptr<TokenSource>(
      std::make_unique<FileTokenSource>(options, std::move(train), std::move(validation)));
}

}  // namespace brigade::daemon

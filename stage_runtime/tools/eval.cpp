// brigade-stage eval: the loss of a checkpoint on a token file, over the same windows and with the
// same mean as the swarm's own evaluation.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "stage_runtime/data/token_file.hpp"
#include "stage_runtime/tools/command.hpp"

namespace brigade::stage {
namespace {

constexpr std::uint32_t kDefaultBatch = 8;

struct Sizes {
  std::uint32_t batch = 0;    // B
  std::uint32_t context = 0;  // T
};

struct Sum {
  double nats = 0;
  std::uint64_t tokens = 0;
  std::uint64_t batches = 0;
};

Result<std::filesystem::path> data_file(const EvalFlags& flags, const RunModel& run) {
  if (!flags.data.empty()) {
    const std::filesystem::path given = flags.data;
    std::error_code ignored;
    return std::filesystem::is_directory(given, ignored) ? given / "val.bin" : given;
  }
  if (run.swarm && !run.swarm->data.validation.empty()) {
    return std::filesystem::path(run.swarm->data.validation);
  }
  return make_error(
      ErrorCode::kBadInput,
      fmt::format("{} names no validation data: give --data with a token file", flags.folder));
}

Result<Sizes> sizes(const EvalFlags& flags, const RunModel& run) {
  Sizes sizes{kDefaultBatch, run.files.model.context};
  if (run.swarm) sizes = {run.swarm->run.batch, run.swarm->run.context};
  sizes.batch = flags.batch.value_or(sizes.batch);
  sizes.context = flags.context.value_or(sizes.context);
  if (sizes.context <= run.files.model.context) return sizes;
  return make_error(ErrorCode::kBadInput,
                    fmt::format("--context {}: the model has positions for {}", sizes.context,
                                run.files.model.context));
}

Result<TokenFile> open_data(const std::filesystem::path& file, const Sizes& sizes,
                            const ModelShape& model) {
  BRIGADE_ASSIGN(TokenFile tokens, TokenFile::open(file));
  if (tokens.manifest().vocabulary > model.vocabulary) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{} has a vocabulary of {} ids, the model knows {}: it was made "
                                  "with another tokeniser",
                                  file.string(), tokens.manifest().vocabulary, model.vocabulary));
  }
  BRIGADE_TRY(tokens.check_length(sizes.batch, sizes.context));
  return tokens;
}

Result<Sum> judge(LanguageModel& model, const TokenFile& tokens, const Sizes& sizes,
                  std::uint64_t batches) {
  Sum sum;
  while (sum.batches < batches && !is_interrupted()) {
    const auto window = tokens.window(sum.batches, sizes.batch, sizes.context);
    BRIGADE_ASSIGN(const Loss loss, model.loss(window, sizes.batch));
    sum.nats += loss.nats;
    sum.tokens += loss.tokens;
    ++sum.batches;
  }
  if (sum.tokens == 0 || std::isfinite(sum.nats)) return sum;
  return make_error(ErrorCode::kCorrupt,
                    "the loss is not finite: the training has diverged; take an earlier "
                    "checkpoint");
}

void print(const EvalFlags& flags, const RunModel& run, const TokenManifest& manifest,
           const Sizes& sizes, const Sum& sum, double seconds) {
  const double nats_per_token = sum.nats / static_cast<double>(sum.tokens);
  const double bytes_per_token =
      static_cast<double>(manifest.text_bytes) / static_cast<double>(manifest.tokens);
  const auto& checkpoint = run.files.checkpoint;
  if (flags.prints_json) {
    nlohmann::ordered_json json{
        {"val_loss", nats_per_token}, {"val_loss_per_byte", nats_per_token / bytes_per_token},
        {"tokens", sum.tokens},       {"batches", sum.batches},
        {"batch", sizes.batch},       {"context", sizes.context},
        {"seconds", seconds}};
    if (checkpoint) {
      json["microbatch"] = checkpoint->position;
      json["epoch"] = checkpoint->epoch;
    }
    std::puts(json.dump().c_str());
    return;
  }
  if (checkpoint) fmt::print("checkpoint  micro-batch {}\n", checkpoint->position);
  fmt::print("loss        {:.4f} nats a token, {:.4f} nats a byte\n", nats_per_token,
             nats_per_token / bytes_per_token);
  fmt::print("over        {} batches of {} x {} tokens, {:.1f} s\n", sum.batches, sizes.batch,
             sizes.context, seconds);
}

Result<int> evaluate(const EvalFlags& flags) {
  const auto start = std::chrono::steady_clock::now();
  BRIGADE_ASSIGN(const RunModel run, find_model(flags));
  BRIGADE_ASSIGN(const auto file, data_file(flags, run));
  BRIGADE_ASSIGN(const Sizes shape, sizes(flags, run));
  BRIGADE_ASSIGN(const TokenFile tokens, open_data(file, shape, run.files.model));
  const std::uint64_t all = tokens.eval_batches(shape.batch, shape.context);
  BRIGADE_ASSIGN(const auto model, LanguageModel::load(run.files, flags.device, flags.threads));
  const std::uint64_t wanted = flags.batches == 0 ? all : std::min(flags.batches, all);
  BRIGADE_ASSIGN(const Sum sum, judge(*model, tokens, shape, wanted));
  if (is_interrupted()) return kInterrupted;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  print(flags, run, tokens.manifest(), shape, sum, took.count());
  return kDone;
}

}  // namespace

void add_eval(CLI::App& app, Chosen& chosen) {
  const auto flags = std::make_shared<EvalFlags>();
  add_command(app, *flags)->callback([flags, &chosen] {
    chosen = [flags] { return evaluate(*flags); };
  });
}

}  // namespace brigade::stage

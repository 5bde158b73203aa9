// brigade-stage generate: text that a checkpoint writes, shown while it is written.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "stage_runtime/tools/command.hpp"
#include "stage_runtime/tools/sampler.hpp"
#include "stage_runtime/tools/text_stream.hpp"

namespace brigade::stage {
namespace {

constexpr std::size_t kMaxPromptBytes = 1024 * 1024;

struct Written {
  std::string text;
  std::uint64_t tokens = 0;
  double seconds = 0;
};

/// The model has to go on from something: without a prompt from the start of a line.
Result<std::vector<std::int32_t>> prompt_ids(const GenerateFlags& flags, const RunModel& run,
                                             const Tokenizer& tokenizer) {
  if (flags.prompt.size() > kMaxPromptBytes) {
    return make_error(ErrorCode::kLimit,
                      fmt::format("--prompt: longer than {} bytes", kMaxPromptBytes));
  }
  auto ids = tokenizer.encode(flags.prompt.empty() ? "\n" : flags.prompt);
  if (ids.empty()) ids.push_back(0);
  for (const std::int32_t id : ids) {
    if (static_cast<std::uint32_t>(id) < run.files.model.vocabulary) continue;
    return make_error(ErrorCode::kBadInput,
                      fmt::format("tokeniser {} has ids that the model's vocabulary of {} does not "
                                  "have: give the one it was trained with as --tokenizer",
                                  tokenizer.name(), run.files.model.vocabulary));
  }
  return ids;
}

Result<> show(const GenerateFlags& flags, std::string_view text) {
  if (flags.prints_json || text.empty()) return {};
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return {};
  }
  return make_error(ErrorCode::kIo, fmt::format("can't write the text: {}", std::strerror(errno)));
}

Result<Written> write(const GenerateFlags& flags, LanguageModel& model, const Tokenizer& tokenizer,
                      std::vector<std::int32_t> ids) {
  const auto start = std::chrono::steady_clock::now();
  Random random(mix_seed(flags.seed));
  const SamplingOptions sampling{.temperature = flags.temperature, .top_k = flags.top_k};
  TextStream stream(tokenizer, ids);
  Written written;
  while (written.tokens < flags.tokens && !is_interrupted()) {
    BRIGADE_ASSIGN(const std::vector<float> scores, model.logits(ids));
    BRIGADE_ASSIGN(const std::int32_t id, sample_token(scores, sampling, random));
    ids.push_back(id);
    ++written.tokens;
    const std::string text = stream.push(id);
    BRIGADE_TRY(show(flags, text));
    written.text += text;
  }
  const std::string rest = stream.finish();
  BRIGADE_TRY(show(flags, rest));
  written.text += rest;
  if (!written.text.ends_with('\n')) BRIGADE_TRY(show(flags, "\n"));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  written.seconds = took.count();
  return written;
}

void print_json(const GenerateFlags& flags, const RunModel& run, const Written& written) {
  nlohmann::ordered_json json{
      {"prompt", shown_text(flags.prompt)}, {"text", written.text}, {"tokens", written.tokens},
      {"temperature", flags.temperature},   {"top_k", flags.top_k}, {"seed", flags.seed},
      {"seconds", written.seconds}};
  if (run.files.checkpoint) json["microbatch"] = run.files.checkpoint->position;
  std::puts(json.dump().c_str());
}

Result<int> generate(const GenerateFlags& flags) {
  BRIGADE_ASSIGN(const RunModel run, find_model(flags));
  BRIGADE_ASSIGN(const auto tokenizer, find_tokenizer(run, flags.tokenizer));
  BRIGADE_ASSIGN(auto ids, prompt_ids(flags, run, *tokenizer));
  BRIGADE_ASSIGN(const auto model, LanguageModel::load(run.files, flags.device, flags.threads));
  BRIGADE_TRY(show(flags, shown_text(flags.prompt)));
  BRIGADE_ASSIGN(const Written written, write(flags, *model, *tokenizer, std::move(ids)));
  if (flags.prints_json) print_json(flags, run, written);
  return is_interrupted() ? kInterrupted : kDone;
}

}  // namespace

void add_generate(CLI::App& app, Chosen& chosen) {
  const auto flags = std::make_shared<GenerateFlags>();
  add_command(app, *flags)->callback([flags, &chosen] {
    chosen = [flags] { return generate(*flags); };
  });
}

}  // namespace brigade::stage

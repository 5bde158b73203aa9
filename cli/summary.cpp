#include "cli/summary.hpp"

#include <fmt/format.h>

#include <sstream>

#include "base/figures.hpp"
#include "base/utf8.hpp"
#include "cli/child.hpp"
#include "stage_runtime/data/token_file.hpp"
#include "stage_runtime/data/tokenizer.hpp"
#include "stage_runtime/data/yardstick.hpp"

namespace brigade::cli {

namespace {

constexpr std::chrono::seconds kSampleTimeout{120};
constexpr const char* kSampleTokens = "600";
constexpr const char* kSampleTemperature = "0.5";  // a small model rambles at more

Result<std::string> training_text(const std::string& train) {
  BRIGADE_ASSIGN(const stage::TokenFile file, stage::TokenFile::open(train, false));
  BRIGADE_ASSIGN(const auto tokenizer, stage::open_tokenizer(file.manifest(), train));
  return stage::text_of(file, *tokenizer);
}

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Printable on any terminal: control characters and broken UTF-8 would disturb it.
std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool is_shown = step.is_sound && (first >= 0x20 || first == '\n') && first != 0x7f;
    if (is_shown) {
      result += text.substr(0, step.bytes);
    } else if (first == '\t') {
      result += "  ";
    } else if (first != '\b' && first != '\r') {
      result += "?";
    }
    text.remove_prefix(step.bytes);
  }
  return result;
}

}  // namespace

std::optional<double> yardstick(const config::SwarmConfig& swarm, const DataFigures& data) {
  if (data.tokenizer != "bytes") return std::nullopt;
  const auto train = training_text(swarm.data.train);
  const auto validation = training_text(swarm.data.validation);
  if (!train || !validation) return std::nullopt;
  const auto loss = stage::bigram_loss(as_bytes(*train), as_bytes(*validation));
  return loss ? std::optional<double>(*loss) : std::nullopt;
}

std::vector<std::string> describe_result(const RunTotals& totals, const DataFigures& data,
                                         std::optional<double> bigram) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("trained     {} micro-batches, {} tokens, {} tokens/s, {} in all",
                              with_commas(totals.microbatches), with_commas(totals.tokens),
                              with_commas(static_cast<std::uint64_t>(totals.tokens_per_s)),
                              in_words(totals.seconds)));
  if (!totals.val_loss) return lines;
  const double a_byte = *totals.val_loss / data.bytes_per_token;
  lines.push_back(fmt::format("validation  loss {:.3f} nats a token, {:.3f} nats a byte",
                              *totals.val_loss, a_byte));
  if (bigram) {
    lines.push_back(
        fmt::format("yardstick   bigram model of the same bytes {:.3f} nats a byte: the "
                    "run is {:.3f} {}",
                    *bigram, std::abs(*bigram - a_byte), a_byte < *bigram ? "better" : "worse"));
  }
  return lines;
}

Result<Sample> make_sample(const std::string& out, const config::SwarmConfig& swarm) {
  BRIGADE_ASSIGN(const std::filesystem::path program, find_program("brigade-stage"));
  BRIGADE_ASSIGN(Output output,
                 run_program(program,
                             {"generate", out, "--tokens", kSampleTokens, "--temperature",
                              kSampleTemperature, "--seed", std::to_string(swarm.run.seed)},
                             kSampleTimeout));
  if (output.status != 0) {
    return make_error(
        ErrorCode::kIo,
        fmt::format("brigade-stage {}: {}", describe_exit(output.status), output.last_error_line));
  }
  Sample sample{std::move(output.out), std::nullopt};
  // Text of another tokeniser than bytes is not read here (stage_runtime/data/sentencepiece.hpp).
  if (const auto text = training_text(swarm.data.train)) {
    sample.words = stage::count_known_words(sample.text, *text);
  }
  return sample;
}

std::vector<std::string> describe_sample(const Sample& sample) {
  std::vector<std::string> lines;
  lines.push_back(sample.words
                      ? fmt::format("sample      {:.0f} % of its {} words occur in the training "
                                    "text:",
                                    100 * sample.words->ratio(), sample.words->words)
                      : "sample");
  std::istringstream text(printable(sample.text));
  for (std::string line; std::getline(text, line);) lines.push_back("  | " + line);
  return lines;
}

std::vector<std::string> describe_next(const std::string& out, const config::SwarmConfig& swarm) {
  const std::string nodes =
      swarm.stages == 1 ? "node-0" : fmt::format("node-0 to node-{}", swarm.stages - 1);
  return {
      fmt::format("kept in     {} (swarm.toml, loss.csv, events.jsonl; log and checkpoints in {})",
                  out, nodes),
      fmt::format("next        brigade generate {} --prompt \"Love is\"", out),
      fmt::format("            brigade local --resume {} --steps {}", out, 2 * swarm.run.steps),
      fmt::format("            brigade export {} --out my-model   (a Hugging Face folder)", out),
  };
}

}  // namespace brigade::cli

#include "stage_runtime/commands/flags.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/limits.hpp"
#include "config/node_config.hpp"

namespace brigade::stage {
namespace {

constexpr std::uint64_t kMaxGenerated = 1'000'000;  // tokens
constexpr double kMaxTemperature = 100;
constexpr double kMaxValidationShare = 0.9;

/// Unlike CLI::Range, refuses what is no number.
CLI::Validator number_between(double least, double most) {
  const auto check = [least, most](const std::string& text) -> std::string {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    if (is_number && value >= least && value <= most) return {};
    return fmt::format("{}: must be a number from {} to {}", text, least, most);
  };
  return CLI::Validator(check, "");
}

std::string check_device(const std::string& device) {
  return config::is_device(device) ? "" : device + ": must be auto, cpu or cuda:N";
}

}  // namespace

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  command.add_option("DIR", flags.folder, "folder of a run (--out), or of *.safetensors files")
      ->required();
  command
      .add_option("--checkpoint", flags.position,
                  "micro-batch that the checkpoint stands at (default: the newest sound one)")
      ->type_name("N");
  command.add_flag("--json", flags.prints_json, "one JSON object");
}

void add_device_flags(CLI::App& command, DeviceFlags& flags) {
  command.add_option("--device", flags.device, "where to compute (default: auto)")
      ->type_name("auto|cpu|cuda:N")
      ->check(CLI::Validator(check_device, ""));
  command.add_option("--threads", flags.threads, "compute threads (default: all cores)")
      ->type_name("N")
      ->check(CLI::Range(std::uint32_t{1}, limits::kMaxThreads));
}

CLI::App* add_command(CLI::App& app, EvalFlags& flags) {
  CLI::App* command = app.add_subcommand("eval", "Judge a checkpoint on the validation split");
  add_model_flags(*command, flags);
  command
      ->add_option("--data", flags.data,
                   "token file, or a folder with val.bin (default: the run's own)")
      ->type_name("FILE|DIR");
  command->add_option("--batches", flags.batches, "batches to judge on (default, and 0: all)")
      ->type_name("N");
  command->add_option("--batch", flags.batch, "sequences a batch (default: the run's, else 8)")
      ->type_name("B")
      ->check(CLI::Range(std::uint32_t{1}, limits::kMaxBatch));
  command
      ->add_option("--context", flags.context,
                   "tokens a sequence (default: the run's, else the model's longest)")
      ->type_name("T")
      ->check(CLI::Range(std::uint32_t{1}, limits::kMaxContext));
  add_device_flags(*command, flags);
  command->footer(
      "Examples:\n"
      "  brigade eval brigade-out\n"
      "  brigade eval brigade-out --checkpoint 2000 --json");
  return command;
}

CLI::App* add_command(CLI::App& app, GenerateFlags& flags) {
  CLI::App* command = app.add_subcommand("generate", "Let a checkpoint write text");
  add_model_flags(*command, flags);
  command->add_option("--prompt", flags.prompt, "text to go on from (default: a new line)")
      ->type_name("TEXT");
  command->add_option("--tokens", flags.tokens, "tokens to write (default: 200)")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, kMaxGenerated));
  command
      ->add_option("--temperature", flags.temperature,
                   "0: always the likeliest token; 1: as the model says (default: 0.8)")
      ->type_name("X")
      ->check(number_between(0, kMaxTemperature));
  command->add_option("--top-k", flags.top_k, "only the K likeliest tokens (default, and 0: all)")
      ->type_name("K");
  command->add_option("--seed", flags.seed, "the same seed, the same text (default: 1)")
      ->type_name("S");
  command
      ->add_option("--tokenizer", flags.tokenizer,
                   "bytes, or a sentencepiece model (default: the one it was trained with)")
      ->type_name("bytes|FILE");
  add_device_flags(*command, flags);
  command->footer(
      "Examples:\n"
      "  brigade generate brigade-out\n"
      "  brigade generate brigade-out --prompt \"Love is\" --tokens 300 --temperature 0.7 --top-k "
      "40");
  return command;
}

CLI::App* add_command(CLI::App& app, ExportFlags& flags) {
  CLI::App* command =
      app.add_subcommand("export", "Write a checkpoint as a folder that transformers loads");
  add_model_flags(*command, flags);
  command->add_option("--out", flags.out, "folder to write")->required()->type_name("DIR");
  command->footer(
      "Example:\n"
      "  brigade export brigade-out --out my-model\n"
      "  python3 -c 'import transformers as t; t.GPT2LMHeadModel.from_pretrained(\"my-model\")'");
  return command;
}

CLI::App* add_command(CLI::App& app, PrepareFlags& flags) {
  CLI::App* command = app.add_subcommand("prepare", "Text files and folders into token files");
  command->add_option("INPUT", flags.inputs, "text files or folders")->required();
  command->add_option("--out", flags.out, "folder for train.bin, val.bin and their manifests")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--tokenizer", flags.tokenizer,
                   "bytes, or a sentencepiece model "
                   "(default: bytes)")
      ->type_name("bytes|FILE.model");
  command
      ->add_option("--validation", flags.validation_share,
                   "share of the text, its last part, that is judged on and never trained on "
                   "(default: 0.1)")
      ->type_name("X")
      ->check(number_between(0, kMaxValidationShare));
  command->add_flag("--json", flags.prints_json, "the report as a JSON object");
  command->footer(
      "Examples:\n"
      "  brigade data prepare book.txt --out book-tokens\n"
      "  brigade data prepare my-texts/ --out my-tokens --tokenizer my.model --validation 0.05");
  return command;
}

}  // namespace brigade::stage
